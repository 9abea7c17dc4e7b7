"""Relay: uploads go on to another collector, byte for byte, and its answer comes back.

Nothing is kept here: an upload is acknowledged only when the collector behind has it. The
promise "exactly once" stays between the agent and that collector, and so does the token.
"""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp import web

from collector import bodies
from collector.records import Busy, Route

PATHS: Final = ("/api/edge/sketches/binary", "/api/edge/sketches", "/api/edge/live")
SENT_ON: Final = (
    "Authorization", "Content-Type", "Content-Encoding", "X-Switch-ID", "X-Sketch-Count",
    "X-Weir-Boot", "X-Weir-Sequence", "X-Weir-Sent",
)  # fmt: skip
SENT_BACK: Final = ("Content-Type", "Retry-After", "WWW-Authenticate")
TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=5)
ANSWER_BYTES_MAX: Final = 1 << 20


class Relay:
    """Handlers of the upload paths of a collector that stores nothing."""

    def __init__(self, backend_url: str, body_bytes_max: int) -> None:
        self._backend_url = backend_url
        self._bodies = bodies.Uploads(body_bytes_max)
        self._session: aiohttp.ClientSession | None = None
        self.forwarded = 0
        self.failed = 0
        self.failing = ""

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room; the collector behind decides who may."""
        return tuple(
            Route(
                "POST",
                path,
                "open",
                "Hand on to the collector behind.",
                self.hand_on,
                "agent",
            )
            for path in PATHS
        )

    async def hand_on(self, request: web.Request) -> web.Response:
        """Send an upload on and answer as the collector behind does."""
        fields = {
            name: request.headers[name] for name in SENT_ON if name in request.headers
        }
        try:
            async with self._bodies.read(request) as body:
                response = await self._send("POST", request.path, body, fields)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed += 1
            self.failing = f"{self._backend_url} does not answer: {error}"[:200]
            raise Busy(self.failing, 15) from error
        self.failing = ""
        self.forwarded += response.status == 200
        return response

    async def try_backend(self) -> None:
        """Find out whether the collector behind takes uploads; agents ask before."""
        try:
            response = await self._send("GET", "/health", None, {})
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failing = f"{self._backend_url} does not answer: {error}"[:200]
            return
        is_ready = response.status == 200
        self.failing = "" if is_ready else f"{self._backend_url} is not ready"

    async def _send(
        self, method: str, path: str, body: bytes | None, fields: dict[str, str]
    ) -> web.Response:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=True)
        async with self._session.request(
            method, self._backend_url + path, data=body, headers=fields,
            allow_redirects=False,
        ) as answer:  # fmt: skip
            text = await whole(answer.content, ANSWER_BYTES_MAX)
            back = {
                name: answer.headers[name] for name in SENT_BACK if name in answer.headers
            }
            return web.Response(status=answer.status, body=text, headers=back)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


async def whole(content: aiohttp.StreamReader, limit: int) -> bytes:
    """Return an answer's body, which comes in pieces. Raises ClientError: too long."""
    pieces, size = [], 0
    while piece := await content.read(limit):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise aiohttp.ClientError(f"an answer of more than {limit} bytes")
    return b"".join(pieces)
