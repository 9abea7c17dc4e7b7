"""Who gets how much of a link: weighted max-min fairness with guarantees and ceilings.

Invariants, held by tests/agent/qos/test_allocate.py: nothing is given that is not there,
nothing is left over while somebody wants it, guarantees and ceilings hold, nobody can be
given more without taking from somebody who has less for his weight, and asking for more
never brings less. Rates may be in any unit: all results scale with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Rates = npt.NDArray[np.float64]

# High priorities are served a fifth more than they ask for, so that a burst finds room.
HEADROOM: Final = 1.2
HIGH_PRIORITY: Final = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What a class may count on and may not exceed."""

    minimum: float
    maximum: float
    weight: float = 1.0
    priority: int = 0  # larger is served first

    def __post_init__(self) -> None:
        numbers = (self.minimum, self.maximum, self.weight)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"limits {numbers} are not finite numbers")
        if not 0 <= self.minimum <= self.maximum or self.weight <= 0:
            raise ValueError(
                f"limits {numbers}: 0 <= minimum <= maximum and 0 < weight must hold"
            )


def water_fill(capacity: float, weights: Rates, low: Rates, high: Rates) -> Rates:
    """Share a capacity by weight, each share between its low and high. Shape (n,).

    Share i is clip(weight_i * level, low_i, high_i) at the level where the shares add up to
    min(capacity, sum of high). When the lows alone exceed the capacity they shrink alike.
    Exact: the sum is linear between the levels where a share meets a bound, so those are
    sorted and the right piece solved.
    """
    high = np.maximum(high, low)
    total_low = float(low.sum())
    if float(high.sum()) <= capacity:
        return high.astype(np.float64)
    if total_low >= capacity:
        return low * (capacity / total_low) if total_low > 0 else low.astype(np.float64)
    levels = np.concatenate([low / weights, high / weights])
    slopes = np.concatenate([weights, -weights])
    order = np.argsort(levels, kind="stable")
    levels, slope = levels[order], np.cumsum(slopes[order])
    sums = total_low + np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(levels))])
    piece = max(int(np.searchsorted(sums, capacity, side="left")) - 1, 0)
    level = levels[piece]
    if slope[piece] > 0:
        # Where all shares are at a bound, slope is rounding noise: never leave the piece.
        step = (capacity - sums[piece]) / slope[piece]
        level = min(level + step, levels[min(piece + 1, len(levels) - 1)])
    shares: Rates = np.clip(weights * level, low, high)
    return shares


def allocate(
    capacity: float,
    demands: Sequence[float],
    limits: Sequence[Limits],
    *,
    strict: bool = True,
) -> Rates:
    """Return what each class gets of what it asks for. Shape (n,), unit of the arguments.

    Guarantees come first, as far as they are asked for; then, when strict, priorities from
    high to low; within a priority, weights. Guarantees that exceed the capacity (a link
    that got slower) shrink alike, whether asked for or not: were it by what is asked,
    asking for more would pay. Raises ValueError for a demand or a capacity that is no
    finite number >= 0.
    """
    wanted = _checked(capacity, demands, limits)
    high = np.minimum(wanted, [one.maximum for one in limits])
    least = np.array([one.minimum for one in limits], dtype=np.float64)
    promised = float(least.sum())
    low = np.minimum(high, least * (capacity / promised) if promised > capacity else least)
    weights = np.array([one.weight for one in limits], dtype=np.float64)
    if not strict:
        return water_fill(capacity, weights, low, high)
    priorities = np.array([one.priority for one in limits])
    given = low.copy()
    for priority in sorted(set(priorities.tolist()), reverse=True):
        tier = priorities == priority
        left = capacity - float(given[~tier].sum())
        given[tier] = water_fill(left, weights[tier], low[tier], high[tier])
    return given


def allocate_between(
    capacity: float,
    likely: Sequence[float],
    high: Sequence[float],
    limits: Sequence[Limits],
    *,
    strict: bool = True,
) -> Rates:
    """Return allocations of the whole link: medians first, then high quantiles, then spare.

    likely, high: demand quantiles of each class; high is raised to likely where it crosses.
    Filling the medians first keeps one class's wide forecast from taking another's need.
    What nobody is expected to want is shared by weight up to the ceilings.
    """
    first = allocate(capacity, likely, limits, strict=strict)
    upper = np.maximum(np.asarray(high, dtype=np.float64), np.asarray(likely))
    second = allocate(capacity, upper.tolist(), _raised(limits, first), strict=strict)
    ceilings = [one.maximum for one in limits]
    return allocate(capacity, ceilings, _raised(limits, second), strict=False)


def with_headroom(demands: Sequence[float], limits: Sequence[Limits]) -> list[float]:
    """Return the demands, those of high priorities with a fifth on top."""
    return [
        demand * HEADROOM if one.priority >= HIGH_PRIORITY else demand
        for demand, one in zip(demands, limits, strict=True)
    ]


def whole(rates: Rates, step: int = 1) -> list[int]:
    """Return the rates rounded down to a multiple of step, so that the sum never grows."""
    # Solving leaves the last few bits to chance: no whole number shall lose a step to them.
    nudge = 1e-12 * (1.0 + float(np.max(rates, initial=0.0)))
    return [math.floor((rate + nudge) / step) * step for rate in rates.tolist()]


def _raised(limits: Sequence[Limits], floors: Rates) -> list[Limits]:
    return [
        Limits(min(float(floor), one.maximum), one.maximum, one.weight, one.priority)
        for one, floor in zip(limits, floors, strict=True)
    ]


def _checked(capacity: float, demands: Sequence[float], limits: Sequence[Limits]) -> Rates:
    wanted = np.asarray(demands, dtype=np.float64)
    if wanted.shape != (len(limits),):
        raise ValueError(f"{len(demands)} demands for {len(limits)} classes")
    if not math.isfinite(capacity) or capacity < 0:
        raise ValueError(f"capacity {capacity} is not a finite number >= 0")
    if not np.isfinite(wanted).all() or bool((wanted < 0).any()):
        raise ValueError("a demand is not a finite number >= 0")
    return wanted
