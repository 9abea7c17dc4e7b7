"""A client's process: sessions of every class, seeded, until the time is over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from lab.traffic import dialogue, lookups, streams, voice
from lab.traffic.services import Place
from lab.traffic.tally import Count, Tally

PAUSE_AFTER_ERROR_S = 0.5
EXPECTED = (OSError, TimeoutError, aiohttp.ClientError)
VOICE_BPS = 90_000
"""One call with its headers, each way."""


@dataclass(frozen=True)
class Kind:
    """One kind of session: its class, its part of the rate, and how one is held."""

    name: str
    traffic_class: str
    share: float
    hold: Callable[[streams.Visit], Awaitable[None]]


KINDS = (
    Kind("call", "voice", 0.0, lambda v: voice.call(v.place, v.chance, v.count)),
    Kind("watch", "video", 0.30, streams.watch),
    Kind("work", "interactive", 0.0, lambda v: dialogue.work(v.place, v.chance, v.count)),
    Kind("browse", "web", 0.15, streams.browse),
    Kind("download", "file", 0.35, streams.download),
    Kind(
        "resolve", "background", 0.0, lambda v: lookups.resolve(v.place, v.chance, v.count)
    ),
    Kind(
        "clock", "background", 0.0, lambda v: lookups.set_clock(v.place, v.chance, v.count)
    ),
    Kind("replicate", "background", 0.10, streams.replicate),
)


async def drive(
    places: Sequence[Place],
    classes: Sequence[str],
    rate_bps: float,
    seed: int,
    stop: asyncio.Event,
    tally: Tally,
) -> None:
    """Hold sessions of the classes asked for until `stop`, one of each kind at a time.

    rate_bps is what all of them together should use; it decides sizes and quality. The same
    seed asks for the same sessions in the same order, kind by kind.
    """
    wanted = [kind for kind in KINDS if kind.traffic_class in classes]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _repeat(kind, places, rate_bps, seed, tally[kind.traffic_class], stop)
            )
            for kind in wanted
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _repeat(
    kind: Kind,
    places: Sequence[Place],
    rate_bps: float,
    seed: int,
    count: Count,
    stop: asyncio.Event,
) -> None:
    chance = random.Random(f"{seed}/{kind.name}")
    # Families take turns; neighbours in seed and in the table begin with different ones.
    turn = seed + [known.name for known in KINDS].index(kind.name)
    while not stop.is_set():
        turn += 1
        place = places[turn % len(places)]
        rate = max(rate_bps * kind.share, VOICE_BPS)
        count.sessions += 1
        try:
            await kind.hold(streams.Visit(place, chance, count, rate))
        except EXPECTED:
            count.errors += 1
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
        except ExceptionGroup as several:
            if several.split(EXPECTED)[1] is not None:
                raise
            count.errors += 1
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
