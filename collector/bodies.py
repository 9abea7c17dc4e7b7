"""Request bodies: whole however they come, bounded in length and in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from collector.records import Busy, Refused

SECONDS_MAX: Final = 60.0
"""A body that takes longer is a stalled client holding memory."""
TOGETHER_MAX: Final = 256 * 1024 * 1024
"""Of uploads that are read, decoded or on their way to the disk: as much as the journal."""


class Uploads:
    """Bodies of uploads: each bounded, and all that are held at the same time together."""

    def __init__(self, each: int, together: int = TOGETHER_MAX) -> None:
        self._each = each
        self._together = max(each, together)
        self.held = 0

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[bytes]:
        """Give the body as it came, and count it until the end. Raises Refused, Busy."""
        pieces, size = [], 0
        try:
            async for piece in pieces_of(request, self._each):
                size += len(piece)
                self.held += len(piece)
                if self.held > self._together:
                    raise Busy("more uploads at once than there is memory for")
                pieces.append(piece)
            yield b"".join(pieces)
        finally:
            self.held -= size


async def pieces_of(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises Refused when it is too long or too slow."""
    too_long = Refused(413, f"body is larger than {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_long
    size = 0
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while not request.content.at_eof():
                piece = await request.content.read(limit + 1 - size)
                size += len(piece)
                if size > limit:
                    raise too_long
                yield piece
    except TimeoutError:
        raise Refused(408, f"body took longer than {SECONDS_MAX:.0f} s") from None


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return a short body. Raises Refused when it is too long or too slow."""
    return b"".join([piece async for piece in pieces_of(request, limit)])


async def read_json(request: web.Request, limit: int) -> Any:
    """Return the value that the body is in JSON. Raises Refused."""
    try:
        return json.loads(await read_body(request, limit))
    except (ValueError, RecursionError):
        raise Refused(400, "not JSON") from None


async def read_object(request: web.Request, limit: int) -> dict[str, Any]:
    """Return the JSON object of a browser's request. Raises Refused."""
    if request.content_type != "application/json":
        raise Refused(415, "send application/json")
    body = await read_json(request, limit)
    if not isinstance(body, dict):
        raise Refused(400, "send an object")
    return body
