"""Who may pass: identity, roles, forgery, rates; and the headers of every answer."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from collector.api.rates import Rates
from collector.records import Busy, Principal, Refused, Route, Token

LOG: Final = logging.getLogger("collector.api")
COOKIE: Final = "weir_session"
RANKS: Final = {"viewer": 1, "admin": 2}
SAFE: Final = ("GET", "HEAD", "OPTIONS")
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "Server": "weir-collector",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Identities(Protocol):
    """Where secrets are looked up."""

    def token(self, secret: str) -> Token | None:
        """Return what a bearer secret stands for; never waits."""

    async def session(self, secret: str) -> Principal | None:
        """Return whose session a cookie holds."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided."""

    is_open: bool  # auth = "none"
    origins: frozenset[str]  # further origins of the console
    is_tls: bool


class Gate:
    """The middleware of both listeners."""

    def __init__(
        self,
        rules: Rules,
        identities: Identities,
        routes: Mapping[tuple[str, str], Route],
        rates: Rates,
        clock: Callable[[], float],
        is_ready: Callable[[], bool],
    ) -> None:
        self._is_ready = is_ready
        self._rules = rules
        self._identities = identities
        self._routes = routes
        self._rates = rates
        self._clock = clock

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Let a request through, or answer why not; nothing that comes in gets past it."""
        response = await self._answered(request, handler)
        if not response.prepared:
            for name, value in SECURITY_HEADERS.items():
                response.headers.setdefault(name, value)
            if request.path.startswith("/api/"):
                response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Return the handler's answer, or the one that tells what went wrong."""
        try:
            return await self._guarded(request, handler)
        except Refused as refusal:
            return failure(refusal.status, str(refusal), **refusal.facts)
        except Busy as busy:
            return failure(503, str(busy), retry_after=busy.retry_after)
        except web.HTTPException as error:
            response = failure(error.status, error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response
        except Exception:
            LOG.exception("%s %s failed", request.method, request.path)
            return failure(500, "the collector failed at this request; its log says why")

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = self._routes.get((request.method, resource.canonical if resource else ""))
        self._check_host(request)
        try:
            principal = await self.identify(request, route is None or route.role == "open")
        except Refused:
            self._charge(None, request)
            raise
        self._charge(principal, request)
        request["principal"] = principal
        if route is not None:
            check_role(route.role, principal, self._rules.is_open)
            if route.role != "open" and not self._is_ready():
                raise Busy("the collector is not ready: /health says why")
            if request.method not in SAFE:
                self.check_forgery(request, principal)
        return await handler(request)

    def _charge(self, principal: Principal | None, request: web.Request) -> None:
        """Count a request for who makes it, or for its address. Raises TooFast."""
        who = f"{principal.role}:{principal.name}" if principal else f":{request.remote}"
        wait = self._rates.take(who, self._clock())
        if wait:
            raise TooFast(wait)

    async def identify(self, request: web.Request, is_open: bool) -> Principal | None:
        """Return who makes the request, None when nobody says.

        Raises Refused for an unknown token, except where it does not matter: a relay's
        uploads are judged by the collector behind it.
        """
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if secret:
            token = self._identities.token(secret.strip()) if kind == "Bearer" else None
            if token is None and is_open:
                return None
            if token is None:
                raise Refused(
                    401, "this token is not known here: `weir-collector token list`"
                )
            return Principal(token.subject, token.role, "token")
        certificate = certificate_name(request)
        if certificate:
            return Principal(certificate, "agent", "certificate")
        if self._rules.is_open:
            return Principal("local", "admin", "open")
        cookie = request.cookies.get(COOKIE)
        return await self._identities.session(cookie) if cookie else None

    async def still_may(self, request: web.Request, role: str) -> bool:
        """Tell whether who made a request long ago could make it now."""
        try:
            check_role(role, await self.identify(request, False), self._rules.is_open)
        except Refused:
            return False
        return True

    def check_forgery(self, request: web.Request, principal: Principal | None) -> None:
        """Refuse a change that another site may have made a browser ask for."""
        if principal is not None and principal.by in ("token", "certificate"):
            return  # A browser adds neither by itself to another site's request.
        self.check_origin(request)
        is_session = principal is not None and principal.by == "session"
        sent = request.headers.get("X-CSRF-Token", "")
        if is_session and not hmac.compare_digest(sent.encode(), csrf_of(principal)):
            raise Refused(403, "X-CSRF-Token: send the value that /api/auth/me gives")

    def check_origin(self, request: web.Request) -> None:
        """Refuse a browser's request from a page of another origin."""
        if request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"):
            raise Refused(403, "requests from other sites are refused")
        origin = request.headers.get("Origin")
        if origin is None or origin in self._rules.origins:
            return
        if split(origin).netloc.lower() != request.host.lower():
            raise Refused(403, f"requests from pages of {origin[:100]} are refused")

    def _check_host(self, request: web.Request) -> None:
        """Without sign-in, answer to loopback names only: a rebound DNS name is not one."""
        if self._rules.is_open and host_name(request.host) not in LOOPBACK_NAMES:
            raise Refused(403, f"host {request.host[:100]}: use http://127.0.0.1")


class TooFast(Refused):
    """The client is over its rate."""

    def __init__(self, wait: float) -> None:
        super().__init__(
            429, "too many requests: wait", retry_after=max(1, round(wait + 0.5))
        )


def check_role(needed: str, principal: Principal | None, is_open: bool) -> None:
    """Hold a route's role against who asks. Raises Refused."""
    if needed == "open" or (is_open and principal is not None and principal.by == "open"):
        return
    if principal is None:
        raise Refused(401, "sign in, or send Authorization: Bearer TOKEN")
    if needed == "agent":
        if principal.role != "agent":
            raise Refused(403, "this needs an agent's token")
    elif RANKS.get(principal.role, 0) < RANKS[needed]:
        raise Refused(403, f"this needs the role {needed}, not {principal.role}")


def csrf_of(principal: Principal | None) -> bytes:
    """Return the value that a session's changes must carry."""
    return principal.csrf.encode() if principal else b""


def certificate_name(request: web.Request) -> str:
    """Return the common name of a client certificate that TLS has verified, or nothing."""
    transport = request.transport
    certificate: Any = transport.get_extra_info("peercert") if transport else None
    for part in certificate["subject"] if certificate else ():
        for name, value in part:
            if name == "commonName":
                return str(value)
    return ""


def host_name(host: str) -> str:
    """Return a Host header's name without port and brackets."""
    return (split(f"//{host}").hostname or "") if "@" not in host else ""


def split(address: str) -> SplitResult:
    """Return the parts of an address, all of them empty where it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def failure(status: int, reason: str, **facts: Any) -> web.Response:
    """Return the one shape of every refusal."""
    response = web.json_response(
        {"status": "error", "error": reason, **facts}, status=status
    )
    if "retry_after" in facts:
        response.headers["Retry-After"] = str(facts["retry_after"])
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="weir"'
    return response
