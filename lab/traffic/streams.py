"""Web pages, file downloads and video segments over HTTP/1.1."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from lab.traffic.pacing import Pace, sleep_until
from lab.traffic.services import Place
from lab.traffic.tally import Count

CHUNK_BYTES = 16_384
LARGEST_BYTES = 1 << 30
"""Nobody may ask one response to run for hours."""

BLOCK = random.Random(0).randbytes(CHUNK_BYTES)
SEGMENT_S = 2.0
LADDER = (0.15, 0.3, 0.6, 1.0)
"""Steps of video quality, as parts of the class's share of the rate."""

OBJECTS_AT_ONCE = 6
"""What browsers open to one host."""


@dataclass(frozen=True)
class Visit:
    """What a client session needs to know."""

    place: Place
    chance: random.Random
    count: Count
    rate_bps: float


def application(count: Count, limit: Pace) -> web.Application:
    """Make the server of one class: GET /?bytes=N&rate=R is answered at R bit/s."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            size = int(request.query.get("bytes", "0"))
            own = Pace(float(request.query.get("rate", "1e9")))
        except ValueError:
            raise web.HTTPBadRequest(text="bytes and rate must be numbers\n") from None
        if not 0 <= size <= LARGEST_BYTES or not own.rate_bps >= 1:
            raise web.HTTPBadRequest(text=f"bytes: 0 to {LARGEST_BYTES}; rate: 1 or more\n")
        count.sessions += 1
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        # Who hangs up early has had enough: that is no error.
        with suppress(ConnectionResetError):
            while size > 0:
                part = min(size, CHUNK_BYTES)
                await own.book(part)
                await limit.book(part)
                await response.write(BLOCK[:part])
                count.sent_bytes += part
                size -= part
            await response.write_eof()
        return response

    async def swallow(request: web.Request) -> web.Response:
        count.sessions += 1
        with suppress(ConnectionResetError):
            async for part in request.content.iter_any():
                count.received_bytes += len(part)
        return web.Response()

    app = web.Application(client_max_size=LARGEST_BYTES)
    app.router.add_get("/", answer)
    app.router.add_post("/", swallow)
    return app


async def download(visit: Visit) -> None:
    """Fetch one file of a few seconds on a connection of its own, then rest."""
    size = int(visit.rate_bps / 8 * visit.chance.uniform(1.0, 4.0))
    async with _session(1) as session:
        await _get(session, visit, "files", size, visit.rate_bps)
    await asyncio.sleep(visit.chance.uniform(0.1, 0.6))


async def watch(visit: Visit) -> None:
    """Play video: a segment in a burst, silence until the next is due, quality by speed."""
    async with _session(1) as session:
        quality = 0
        due = time.monotonic()
        for _ in range(visit.chance.randrange(5, 30)):
            bitrate = visit.rate_bps * LADDER[quality]
            begun = time.monotonic()
            await _get(
                session,
                visit,
                "segments",
                int(bitrate * SEGMENT_S / 8),
                visit.rate_bps * 2.5,
            )
            took = max(time.monotonic() - begun, 1e-3)
            fits = [
                step
                for step, part in enumerate(LADDER)
                if part * took < LADDER[quality] * 1.6
            ]
            quality = max(0, min(quality + 1, max(fits, default=0)))
            due += SEGMENT_S
            await sleep_until(due)


async def browse(visit: Visit) -> None:
    """Load a page: the document, then its objects on several connections; then read it."""
    chance = visit.chance
    async with _session(OBJECTS_AT_ONCE) as session:
        await _get(session, visit, "pages", chance.randrange(8_000, 60_000), visit.rate_bps)
        sizes = [int(min(chance.lognormvariate(9, 1.2), 400_000)) for _ in range(12)]
        async with asyncio.TaskGroup() as group:
            for size in sizes:
                group.create_task(_get(session, visit, "pages", size, visit.rate_bps))
    loaded_bits = 8 * sum(sizes)
    await asyncio.sleep(max(chance.uniform(0.5, 2.5), loaded_bits / visit.rate_bps))


async def replicate(visit: Visit) -> None:
    """Copy up to the server in the background, evenly and for long."""
    size = int(visit.rate_bps / 8 * visit.chance.uniform(3.0, 10.0))
    pace = Pace(visit.rate_bps)

    async def upload() -> AsyncIterator[bytes]:
        for start in range(0, size, CHUNK_BYTES):
            part = BLOCK[: size - start]
            await pace.book(len(part))
            visit.count.sent_bytes += len(part)
            yield part

    async with _session(1) as session:
        visit.count.messages += 1
        async with session.post(visit.place.url("replica", ""), data=upload()) as response:
            response.raise_for_status()
    await asyncio.sleep(visit.chance.uniform(0.2, 1.0))


def _session(connections: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections)
    return aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(connect=5)
    )


async def _get(
    session: aiohttp.ClientSession, visit: Visit, name: str, size: int, rate_bps: float
) -> None:
    visit.count.messages += 1
    query = f"?bytes={size}&rate={rate_bps:.0f}"
    async with session.get(visit.place.url(name, query)) as response:
        response.raise_for_status()
        async for part in response.content.iter_any():
            visit.count.received_bytes += len(part)
