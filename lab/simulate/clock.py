"""The clock on the wall, and waiting for it."""

from __future__ import annotations

import asyncio
import random
import time

from agent.ship.uplink import Clock as UplinkClock
from lab.simulate.flows import SECOND_NS


class Clock:
    """Unix time as it was at the start, carried on by a clock that nobody sets."""

    def __init__(self) -> None:
        self._ahead_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Return unix time."""
        return time.monotonic_ns() + self._ahead_ns

    async def until(self, at_ns: int) -> None:
        """Wait for a moment; one that has passed is not waited for."""
        await asyncio.sleep(max(0, at_ns - self.now_ns()) / SECOND_NS)


def uplink_clock() -> UplinkClock:
    """Return what the agent's uplink lives by."""
    return UplinkClock(time.monotonic, time.time_ns, random.random)
