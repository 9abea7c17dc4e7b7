"""Moments are played in their time: a clock that only moves when it is waited for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.sketch.store import Origin, Settings
from lab.simulate import table
from lab.simulate.edge import Edge
from lab.simulate.flows import SECOND_NS
from lab.simulate.mix import Mix
from lab.simulate.player import MOST_WAITING, Player, pace
from lab.simulate.timeline import moments
from wire.batch import Batch

NOON = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()) * SECOND_NS
NOW = NOON + 86_400 * SECOND_NS


class StandingClock:
    """Time passes by waiting alone."""

    def __init__(self) -> None:
        self.at_ns = NOW
        self.waited_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    async def until(self, at_ns: int) -> None:
        self.waited_ns += max(0, at_ns - self.at_ns)
        self.at_ns = max(self.at_ns, at_ns)


class Shelf:
    """Keeps what it is given, and when it was."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock
        self.batches: list[tuple[float, Batch]] = []
        self.samples: list[dict[str, Any]] = []
        self.asked: list[int] = []
        self.woken = 0
        self.third = asyncio.Event()

    def keep(self, batch: Batch) -> None:
        self.batches.append(((self._clock.at_ns - NOW) / SECOND_NS, batch))

    def wake(self) -> None:
        self.woken += 1
        if self.woken == 3:
            self.third.set()

    async def live(self, sample: dict[str, Any]) -> None:
        self.samples.append(sample)

    async def below(self, batches: int) -> None:
        self.asked.append(batches)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Forty seconds of the mix."""
    path = tmp_path / "flows.csv"
    with path.open("w") as opened:
        writer = table.Writer(opened)
        for second in Mix(1, 50, 20).seconds(40, NOON, 0):
            writer.write(second.flows)
    return path


async def replayed(file: Path, speed: float) -> tuple[StandingClock, Shelf, Edge]:
    clock = StandingClock()
    shelf = Shelf(clock)
    rhythm = pace(speed, clock.now_ns())
    start_ns = rhythm.began_ns if speed else NOON
    edge = Edge(Origin("s", bytes(16), 1, "0", "h"), Settings(), start_ns)
    player = Player(edge, shelf, clock, speed)
    await player.play(moments(table.read(file), rhythm, lasting=False))
    await player.finish()
    return clock, shelf, edge


@pytest.mark.parametrize(
    ("speed", "lasts_s", "closed_s"),
    [
        (1, 40, [1, 6, 11, 16, 21, 26, 31, 36, 40]),
        (10, 4, [1, 4]),
        (0.5, 80, [1, *range(6, 80, 5), 80]),
        (0, 0, [0]),
    ],
)
async def test_a_replay_lasts_as_long_as_its_speed_says(
    file: Path, speed: float, lasts_s: float, closed_s: list[int]
) -> None:
    clock, shelf, edge = await replayed(file, speed)
    assert clock.waited_ns == lasts_s * SECOND_NS
    assert [at for at, _ in shelf.batches] == closed_s
    assert shelf.woken == len(shelf.batches)
    assert edge.flows == 800
    assert edge.is_empty
    reported = sum(int(b.endpoints.totals["bytes_out"].sum()) for _, b in shelf.batches)
    assert reported == edge.bytes


@pytest.mark.parametrize("speed", [1, 10])
async def test_times_are_those_of_the_replay(file: Path, speed: float) -> None:
    clock, shelf, _ = await replayed(file, speed)
    before_ns = NOW
    for _, batch in shelf.batches:
        assert batch.start_ns == before_ns
        before_ns = batch.end_ns
        assert (batch.flows["first_ns"] < batch.end_ns).all()
        assert (batch.flows["first_ns"] >= NOW).all()
    assert before_ns == clock.at_ns


async def test_a_sample_a_second_with_all_that_was_until_then(file: Path) -> None:
    _, shelf, _ = await replayed(file, 1)
    times = [(sample["now_ns"] - NOW) // SECOND_NS for sample in shelf.samples]
    # The one of the very end is called off with the rest.
    assert times in (list(range(1, 40)), list(range(1, 39)))
    seen = [sample["interfaces"][0]["rx"]["bytes"] for sample in shelf.samples]
    assert seen == sorted(seen)
    assert seen[0] > 0


async def test_at_once_times_are_the_files_and_nobody_runs_ahead(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    with path.open("w") as opened:
        writer = table.Writer(opened)
        for second in Mix(1, 50, 2).seconds(150, NOON, 0):
            writer.write(second.flows)
    clock, shelf, edge = await replayed(path, 0)
    ends = [(batch.end_ns - NOON) / SECOND_NS for _, batch in shelf.batches]
    assert ends == [60, 120, 150]
    assert shelf.asked == [MOST_WAITING] * 2
    assert shelf.samples == []
    assert clock.waited_ns == 0
    assert edge.flows == 300


async def test_a_source_that_breaks_is_heard_of_and_what_came_before_is_kept(
    file: Path,
) -> None:
    with file.open("a") as opened:
        opened.write("rubbish\n")
    clock = StandingClock()
    shelf = Shelf(clock)
    edge = Edge(Origin("s", bytes(16), 1, "0", "h"), Settings(), NOW)
    player = Player(edge, shelf, clock, 1)
    with pytest.raises(table.Malformed, match="flows.csv:802: 1 fields, not 9"):
        await player.play(moments(table.read(file), pace(1, NOW), lasting=False))
    await player.finish()
    assert edge.is_empty


async def test_who_stops_a_player_loses_nothing_of_what_was_taken() -> None:
    class Endless(StandingClock):
        async def until(self, at_ns: int) -> None:
            await super().until(at_ns)
            await asyncio.sleep(0)

    clock = Endless()
    shelf = Shelf(clock)
    edge = Edge(Origin("s", bytes(16), 1, "0", "h"), Settings(), NOW)
    player = Player(edge, shelf, clock, 1)
    coming = moments(Mix(1, 50, 100).seconds(None, NOON, 0), pace(1, NOW), lasting=True)
    task = asyncio.ensure_future(player.play(coming))
    await shelf.third.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await player.finish()
    rows = [batch.interfaces[0].rx.seen.bytes for _, batch in shelf.batches]
    assert sum(rows) == edge.bytes
    assert edge.flows >= 1100
