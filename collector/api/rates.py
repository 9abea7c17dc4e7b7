"""Token buckets: how often one client may ask."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

CLIENTS_MAX: Final = 10_000
"""Buckets kept; the one used longest ago goes first, and it is full again by then."""


class Rates:
    """One bucket a client: `rate` a second, `burst` at once (default: two seconds)."""

    def __init__(self, rate: float, burst: float = 0.0) -> None:
        self.change(rate, burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.limited = 0

    def change(self, rate: float, burst: float = 0.0) -> None:
        """Take another rate from now on."""
        self._rate = rate
        self._burst = burst or max(2 * rate, 1.0)

    def take(self, client: str, now: float) -> float:
        """Take one request out; return 0, or how many seconds to wait for it."""
        level, before = self._buckets.pop(client, (self._burst, now))
        level = min(self._burst, level + max(0.0, now - before) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._buckets[client] = (level if wait else level - 1, now)
        if len(self._buckets) > CLIENTS_MAX:
            self._buckets.popitem(last=False)
        if wait:
            self.limited += 1
        return wait

    def give_back(self, client: str) -> None:
        """Undo the last take: it turned out not to count."""
        if client in self._buckets:
            level, before = self._buckets[client]
            self._buckets[client] = (min(self._burst, level + 1), before)
