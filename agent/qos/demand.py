"""What classes will ask for: quantiles from whoever forecasts, and two who always can.

The protocol is small so that a model can take the place of these two. Whatever comes
through it is checked: a forecast is advice from outside, and bad advice is refused and
counted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

# Bins of errors that the quantiles of an estimate come from.
WINDOW: Final = 500
LEAST_ERRORS: Final = 8
LIKELY, HIGH = 0.5, 0.9
# A forecast above this multiple of the link says something about the forecaster.
ABSURD: Final = 10
SMOOTHING: Final = 0.3
# What a class asks for when it gets all it may have: a little more than it got.
PROBE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Demand of one class, bit/s, for a while."""

    likely_bps: float  # median
    high_bps: float  # nine times in ten it is less
    expires: float  # unix time


class Demand(Protocol):
    """Whoever says what classes will ask for."""

    def observe(
        self, now: float, served_bps: Mapping[str, float], limited: set[str]
    ) -> None:
        """Take what classes got. limited: those that wanted more."""

    def predict(self, now: float) -> Mapping[str, Quantiles]:
        """Return the demand of the next interval, for the classes that are known."""


class Errors:
    """The last errors of one estimate, in order, so that a quantile costs nothing."""

    def __init__(self) -> None:
        self._came: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, error: float) -> None:
        """Take one more; the oldest of WINDOW goes."""
        if len(self._came) == WINDOW:
            del self._sorted[bisect_left(self._sorted, self._came.popleft())]
        self._came.append(error)
        insort(self._sorted, error)

    def quantile(self, share: float) -> float:
        """Return the error that a share of them does not exceed, between neighbours."""
        place = share * (len(self._sorted) - 1)
        low = int(place)
        high = min(low + 1, len(self._sorted) - 1)
        return self._sorted[low] + (self._sorted[high] - self._sorted[low]) * (place - low)


class Smoothed:
    """An exponential mean (persistence at smoothing 1) with quantiles of its errors."""

    def __init__(self, smoothing: float = SMOOTHING, lifetime_s: float = 5.0) -> None:
        self._smoothing = smoothing
        self._lifetime_s = lifetime_s
        self._level: dict[str, float] = {}
        self._errors: dict[str, Errors] = {}

    def observe(
        self, now: float, served_bps: Mapping[str, float], limited: set[str]
    ) -> None:
        """Take what classes got. limited: those that wanted more."""
        for name, served in served_bps.items():
            before = self._level.get(name)
            # Served is not demand when the class was held: it is at least that much.
            wanted = served * PROBE if name in limited else served
            if before is None:
                self._level[name] = wanted
                continue
            if name not in limited or wanted > before:
                self._errors.setdefault(name, Errors()).add(wanted - before)
            self._level[name] = before + self._smoothing * (wanted - before)

    def predict(self, now: float) -> Mapping[str, Quantiles]:
        """Return the demand of the next interval, for the classes that were seen."""
        return {name: self._of(name, level, now) for name, level in self._level.items()}

    def forget(self, name: str) -> None:
        """Know nothing of a class any more."""
        self._level.pop(name, None)
        self._errors.pop(name, None)

    def _of(self, name: str, level: float, now: float) -> Quantiles:
        errors = self._errors.get(name, Errors())
        if len(errors) < LEAST_ERRORS:
            spread = (0.0, level)  # nothing is known: it may double
        else:
            spread = (errors.quantile(LIKELY), errors.quantile(HIGH))
        likely = max(level + spread[0], 0.0)
        return Quantiles(likely, max(level + spread[1], likely), now + self._lifetime_s)


def accepted(
    offered: Mapping[str, Quantiles], link_bps: float, now: float, refused: Counter[str]
) -> dict[str, Quantiles]:
    """Return the forecasts that can be; count the others in `refused`, by reason."""
    kept = {}
    for name, one in offered.items():
        reason = _fault(one, link_bps, now)
        if reason:
            refused[reason] += 1
        else:
            kept[name] = one
    return kept


def _fault(one: Quantiles, link_bps: float, now: float) -> str:
    numbers = (one.likely_bps, one.high_bps)
    if not all(math.isfinite(number) for number in numbers):
        return "not_finite"
    if min(numbers) < 0:
        return "negative"
    if max(numbers) > ABSURD * link_bps:
        return "huge"
    if one.high_bps < one.likely_bps:
        return "crossed"
    # Also false for an expiry that is no number.
    return "" if now < one.expires else "stale"
