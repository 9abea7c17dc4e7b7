from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from lab.traffic import streams
from lab.traffic.pacing import Pace
from lab.traffic.services import SERVICES, Place
from lab.traffic.streams import LARGEST_BYTES, Visit
from lab.traffic.tally import Count

PLACE = Place(("127.0.0.1",), 22_000)
NAMES = ("segments", "pages", "files", "replica")


@pytest.fixture
async def far() -> AsyncIterator[Count]:
    """Count of a server with every HTTP service."""
    count = Count()
    runner = web.AppRunner(streams.application(count, Pace(1e9)), shutdown_timeout=0.1)
    await runner.setup()
    for service in SERVICES:
        if service.name in NAMES:
            await web.TCPSite(runner, *PLACE.at(service)).start()
    yield count
    await runner.cleanup()


def visit(rate_bps: float, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """A visit that never rests between sessions."""
    chance = random.Random(4)
    plain = chance.uniform
    monkeypatch.setattr(chance, "uniform", lambda low, high: plain(low, high) / 20)
    return Visit(PLACE, chance, Count(), rate_bps)


@pytest.mark.parametrize("session", [streams.download, streams.browse, streams.replicate])
async def test_what_one_side_sends_the_other_receives(
    session, far: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = visit(2e7, monkeypatch)
    await session(here)
    assert here.count.received_bytes == far.sent_bytes
    assert here.count.sent_bytes == far.received_bytes
    assert here.count.received_bytes + here.count.sent_bytes > 10_000


async def test_video_is_bursts_and_its_quality_rises(
    far: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEGMENT_S", 0.05)
    here = visit(4e6, monkeypatch)
    started = time.monotonic()
    await streams.watch(here)
    assert time.monotonic() - started >= 0.05 * here.count.messages * 0.9
    average = here.count.received_bytes / here.count.messages
    lowest, highest = (part * 4e6 * 0.05 / 8 for part in (streams.LADDER[0], 1.0))
    assert lowest * 1.5 < average < highest


async def test_the_rate_asked_for_is_kept(far: Count) -> None:
    started = time.monotonic()
    async with (
        aiohttp.ClientSession() as session,
        session.get(PLACE.url("files", "?bytes=100000&rate=2e6")) as response,
    ):
        assert len(await response.read()) == 100_000
    assert time.monotonic() - started >= 0.4 - 0.05 - 0.07


@pytest.mark.parametrize(
    "query",
    [
        "?bytes=x",
        "?bytes=-1",
        f"?bytes={LARGEST_BYTES + 1}",
        "?bytes=1&rate=0",
        "?rate=nan",
    ],
)
async def test_nonsense_is_refused(query: str, far: Count) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(PLACE.url("files", query)) as response,
    ):
        assert response.status == 400
    assert far.sent_bytes == 0
