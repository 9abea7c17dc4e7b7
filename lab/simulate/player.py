"""Plays moments to an agent in their time: flows go in, batches and live samples go out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final, Protocol

from lab.simulate.edge import Edge
from lab.simulate.flows import SECOND_NS
from lab.simulate.timeline import Moment, Pace
from lab.stage.waiting import whole
from wire.batch import Batch

TICK_NS: Final = SECOND_NS
BATCH_NS: Final = 5 * SECOND_NS
"""Shorter than an operator would choose: who watches does not want to wait."""

BACKFILL_NS: Final = 60 * SECOND_NS
"""A batch as agents have it, where times are the source's own."""

MOST_WAITING: Final = 16
"""Batches that are made ahead of their delivery, as fast as possible."""


class Clock(Protocol):
    """What time it is."""

    def now_ns(self) -> int:
        """Return unix time."""

    async def until(self, at_ns: int) -> None:
        """Wait for a moment."""


class Sink(Protocol):
    """Where batches and samples go."""

    def keep(self, batch: Batch) -> None:
        """Take a batch; it is safe once this returns. Called in a thread."""

    def wake(self) -> None:
        """Deliver what was taken."""

    async def live(self, sample: dict[str, Any]) -> None:
        """Take a live sample, or lose it."""

    async def below(self, batches: int) -> None:
        """Wait until fewer batches than that are waiting."""


def pace(speed: float, now_ns: int) -> Pace:
    """Return the pace of a speed that begins now."""
    return Pace(speed, now_ns, TICK_NS if speed else BACKFILL_NS)


class Player:
    """One agent at work."""

    def __init__(self, edge: Edge, sink: Sink, clock: Clock, speed: float) -> None:
        self.edge = edge
        self._sink = sink
        self._clock = clock
        self._is_timed = speed > 0
        self._at_ns = 0  # the latest moment
        self._next_batch_ns = 0  # at the first tick, so that the agent is known at once
        self._began_ns = clock.now_ns()
        self._live: asyncio.Task[None] | None = None

    async def play(self, moments: Iterator[Moment]) -> None:
        """Play every moment, and close the last batch.

        Raises SpoolError, and what the source raises.
        """
        while (moment := await whole(next, moments, None)) is not None:
            if self._is_timed:
                await self._clock.until(moment.at_ns)
            self._at_ns = moment.at_ns
            if moment.flows is None:
                await self._tick()
            else:
                await whole(self.edge.take, moment.flows, moment.at_ns)
        await self._close_rest()

    async def finish(self) -> None:
        """End a play that was cut short: its last batch is closed, no sample on its way."""
        if self._live is not None:
            self._live.cancel()
            await asyncio.gather(self._live, return_exceptions=True)
        await self._close_rest()

    async def _tick(self) -> None:
        if not self._is_timed:
            if not self.edge.is_empty:
                await self._sink.below(MOST_WAITING)
                await self._close(self._at_ns)
            return
        if self._at_ns >= self._next_batch_ns:
            self._next_batch_ns = self._at_ns + BATCH_NS
            await self._close(self._at_ns)
        if self._live is None or self._live.done():
            sample = self.edge.sample(self._at_ns)
            self._live = asyncio.ensure_future(self._sink.live(sample))

    async def _close_rest(self) -> None:
        if not self.edge.is_empty:
            now_ns = self._clock.now_ns() if self._is_timed else self._at_ns
            await self._close(max(now_ns, self._at_ns))

    async def _close(self, now_ns: int) -> None:
        # One piece of work: a batch that is closed and not kept would be lost.
        await whole(lambda: self._sink.keep(self.edge.close(now_ns, self._health())))
        self._sink.wake()

    def _health(self) -> dict[str, int | float | str]:
        """Return what an agent says of itself, as far as there is one here."""
        up_s = (self._clock.now_ns() - self._began_ns) / SECOND_NS
        return {"uptime_seconds": round(up_s, 3), "loader": "simulated"}
