"""Sign-in, sign-out and who am I."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from collector.api.gate import COOKIE
from collector.api.rates import Rates
from collector.bodies import read_object
from collector.records import Principal, Refused, Route

Run = Callable[..., Awaitable[Any]]
ATTEMPTS_PER_SECOND: Final = 0.2
"""Per address, after a burst: guessing ten-character passwords this way is hopeless."""
BURST: Final = 5
BODY_MAX: Final = 8192


class Users(Protocol):
    """Where sessions are made; blocks for as long as argon2 takes."""

    def sign_in(
        self, username: str, password: str, now: int, lifetime: int
    ) -> tuple[str, Principal] | None:
        """Return a session's secret and owner, or None."""

    def sign_out(self, secret: str) -> None:
        """End a session."""


class SignIn:
    """Handlers of /api/auth."""

    def __init__(
        self,
        users: Users,
        run: Run,
        clock: Callable[[], float],
        lifetime: int,
        is_tls: bool,
    ) -> None:
        self._users = users
        self._run = run
        self._clock = clock
        self._lifetime = lifetime
        self._is_tls = is_tls
        self._attempts = Rates(ATTEMPTS_PER_SECOND, BURST)

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this module."""
        return (
            Route("POST", "/api/auth/login", "open", "Sign in; sets a cookie.", self.login),
            Route("POST", "/api/auth/logout", "viewer", "End the session.", self.logout),
            Route("GET", "/api/auth/me", "open", "Who is signed in.", self.me),
        )

    async def login(self, request: web.Request) -> web.Response:
        """Answer POST /api/auth/login with {username, password}."""
        username, password = await credentials(request)
        wait = self._attempts.take(request.remote or "", self._clock())
        if wait:
            raise Refused(429, "too many attempts: wait", retry_after=round(wait + 0.5))
        now = int(self._clock())
        found = await self._run(
            self._users.sign_in, username, password, now, self._lifetime
        )
        if found is None:
            raise Refused(401, "name or password is wrong")
        self._attempts.give_back(request.remote or "")
        secret, principal = found
        response = web.json_response(about(principal))
        response.set_cookie(
            COOKIE, secret, max_age=self._lifetime, httponly=True, samesite="Strict",
            secure=self._is_tls, path="/",
        )  # fmt: skip
        return response

    async def logout(self, request: web.Request) -> web.Response:
        """Answer POST /api/auth/logout."""
        secret = request.cookies.get(COOKIE)
        if secret:
            await self._run(self._users.sign_out, secret)
        response = web.json_response({"status": "ok"})
        response.del_cookie(COOKIE, path="/")
        return response

    async def me(self, request: web.Request) -> web.Response:
        """Answer GET /api/auth/me."""
        return web.json_response(about(request["principal"]))


async def credentials(request: web.Request) -> tuple[str, str]:
    """Return user name and password of a JSON body. Raises Refused."""
    body = await read_object(request, BODY_MAX)
    username, password = body.get("username"), body.get("password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise Refused(400, "send {username, password}")
    return username, password


def about(principal: Principal | None) -> dict[str, Any]:
    """Return who a request comes from; csrf goes into X-CSRF-Token of every change."""
    if principal is None:
        return {"signed_in": False, "username": None, "role": None, "csrf": None}
    return {
        "signed_in": True,
        "username": principal.name,
        "role": principal.role,
        "by": principal.by,
        "csrf": principal.csrf or None,
    }
