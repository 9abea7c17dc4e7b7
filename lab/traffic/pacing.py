"""Keeping a stream at its rate."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """A rate with a small burst, kept by the virtual time at which the wire is free."""

    def __init__(self, rate_bps: float, burst_s: float = 0.05) -> None:
        self.rate_bps = rate_bps
        self.burst_s = burst_s
        self._free_at = float("-inf")

    def delay(self, size_bytes: int, now: float) -> float:
        """Book size_bytes and return how long to wait before sending them, in seconds."""
        start = max(self._free_at, now - self.burst_s)
        self._free_at = start + size_bytes * 8 / self.rate_bps
        return max(0.0, start - now)

    async def book(self, size_bytes: int) -> None:
        """Wait until size_bytes may go."""
        delay = self.delay(size_bytes, time.monotonic())
        if delay > 0:
            await asyncio.sleep(delay)


async def sleep_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
