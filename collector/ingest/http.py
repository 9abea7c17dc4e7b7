"""Uploads from agents: who sends, how much, what answer; the rest is the pipeline's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import web

from collector import bodies
from collector.records import Accepted, Arrival, Principal, Receipt, Refused, Route

FORMS: Final = {
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/octet-stream": "framed",
    "application/json": "json",
}


DIGITS_MAX: Final = 19
"""What the journal can pack: its numbers end at 2^64."""


class Intake(Protocol):
    """What becomes of an upload."""

    async def understand(self, arrival: Arrival) -> Accepted:
        """Decode and check. Raises Refused."""

    async def submit(self, accepted: Accepted) -> Receipt:
        """Make durable. Raises Busy."""


class Uploads:
    """Handlers of the two upload paths."""

    def __init__(
        self, intake: Intake, clock_ns: Callable[[], int], body_bytes_max: int
    ) -> None:
        self._intake = intake
        self._clock_ns = clock_ns
        self._bodies = bodies.Uploads(body_bytes_max)

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room."""
        return (
            Route(
                "POST", "/api/edge/sketches/binary", "agent",
                "Store one batch (msgpack, or the older framed sketches), exactly once.",
                self.binary, "agent",
            ),
            Route(
                "POST", "/api/edge/sketches", "agent",
                "Store sketch estimates sent as JSON.", self.json, "agent",
            ),
        )  # fmt: skip

    async def binary(self, request: web.Request) -> web.Response:
        """Answer POST /api/edge/sketches/binary."""
        form = FORMS.get(request.content_type, "")
        if form not in ("msgpack", "framed"):
            raise Refused(
                415, f"Content-Type {request.content_type}: send application/msgpack"
            )
        async with self._bodies.read(request) as body:
            accepted = await self._understood(request, form, body)
            check_headers(request, accepted)
            return await self._store(accepted, form, len(body))

    async def json(self, request: web.Request) -> web.Response:
        """Answer POST /api/edge/sketches."""
        async with self._bodies.read(request) as body:
            accepted = await self._understood(request, "json", body)
            return await self._store(accepted, "json", len(body))

    async def _understood(self, request: web.Request, form: str, body: bytes) -> Accepted:
        principal: Principal = request["principal"]
        agent = request.headers.get("X-Switch-ID", "")
        if not agent and principal.by in ("token", "certificate"):
            agent = principal.name
        if not agent.isprintable():
            raise Refused(400, "X-Switch-ID: printable characters only")
        arrival = Arrival(
            agent=agent,
            received_ns=self._clock_ns(),
            form=form,
            encoding=request.headers.get("Content-Encoding", "identity").lower(),
            body=body,
            serial=serial_of(body) if form != "msgpack" else "",
            sent_ns=number(request, "X-Weir-Sent") or 0,
        )
        accepted = await self._intake.understand(arrival)
        if principal.role == "agent" and accepted.id.agent != principal.name:
            raise Refused(
                403, f"this token belongs to {principal.name}, not to {accepted.id.agent}"
            )
        return accepted

    async def _store(self, accepted: Accepted, form: str, size: int) -> web.Response:
        receipt = await self._intake.submit(accepted)
        count = len(accepted.endpoint_ids)
        return web.json_response(
            {
                "status": "ok",
                "switch_id": accepted.id.agent,
                "sketches_received": count,
                "sketches_stored": 0 if receipt.duplicate else count,
                "new_endpoints": list(receipt.new_endpoints),
                "new_endpoint_count": len(receipt.new_endpoints),
                "total_sketches": receipt.total_sketches,
                "format": form,
                "size_bytes": size,
                "duplicate": receipt.duplicate,
            }
        )


def number(request: web.Request, header: str) -> int | None:
    """Return a header's whole number, or None without one. Raises Refused."""
    text = request.headers.get(header)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise Refused(400, f"{header}: {text[:40]!r} is not a whole number")
    return int(text)


def check_headers(request: web.Request, accepted: Accepted) -> None:
    """Hold the headers against the body they announce. Raises Refused."""
    announced: tuple[tuple[str, Any, Any], ...] = (
        ("X-Sketch-Count", number(request, "X-Sketch-Count"), len(accepted.endpoint_ids)),
        ("X-Switch-ID", request.headers.get("X-Switch-ID"), accepted.id.agent),
    )
    if accepted.arrival.form == "msgpack":
        announced += (
            ("X-Weir-Sequence", number(request, "X-Weir-Sequence"), accepted.id.sequence),
            (
                "X-Weir-Boot",
                lower(request.headers.get("X-Weir-Boot")),
                accepted.id.boot.hex(),
            ),
        )
    for header, says, body in announced:
        if says is not None and says != body:
            raise Refused(400, f"{header} says {says}, the body {body}")


def lower(text: str | None) -> str | None:
    """Return a text in lower case, or None."""
    return text.lower() if text is not None else None


def serial_of(body: bytes) -> str:
    """Return a name for an upload without a number: the same body is the same upload."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()
