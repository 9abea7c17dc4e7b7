"""Request bodies: whole however they come, bounded in length and in time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from aiohttp import web

from collector.records import Refused

SECONDS_MAX: Final = 60.0
"""A body that takes longer is a stalled client holding memory."""


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the body as it came. Raises Refused when it is too long or too slow."""
    too_long = Refused(413, f"body is larger than {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_long
    body = b""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while len(body) <= limit and not request.content.at_eof():
                body += await request.content.read(limit + 1 - len(body))
    except TimeoutError:
        raise Refused(408, f"body took longer than {SECONDS_MAX:.0f} s") from None
    if len(body) > limit:
        raise too_long
    return body


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
