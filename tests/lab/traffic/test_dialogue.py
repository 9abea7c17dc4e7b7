from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from lab.traffic import dialogue
from lab.traffic.services import Place, service
from lab.traffic.tally import Count

PLACE = Place(("127.0.0.1",), 22_000)


async def test_both_sides_count_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(2)
    monkeypatch.setattr(chance, "uniform", lambda low, high: 0.0)
    far, near = Count(), Count()
    server = await asyncio.start_server(
        partial(dialogue.serve, count=far), *PLACE.at(service("shell"))
    )
    async with server:
        await dialogue.work(PLACE, chance, near)
        await asyncio.sleep(0.05)
    assert near.sent_bytes == far.received_bytes > 500
    assert near.received_bytes == far.sent_bytes > 1000
    assert (far.sessions, far.errors) == (1, 0)


async def test_a_line_without_end_is_an_error() -> None:
    far = Count()
    server = await asyncio.start_server(
        partial(dialogue.serve, count=far), *PLACE.at(service("shell")), limit=1024
    )
    async with server:
        reader, writer = await asyncio.open_connection(*PLACE.of("shell"))
        writer.write(b"x" * 5000)
        assert await reader.read() in (dialogue.BANNER, b"")
        writer.close()
    assert far.errors == 1


async def test_nobody_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="Connect"):
        await dialogue.work(PLACE, random.Random(1), Count())
