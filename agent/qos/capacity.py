"""What a link carries, found from what passes: the rate at which its own queue fills.

While TCP's round trips grow and the rate does not, something downstream is full: what is
served then is what the link has. Nothing is sent to find out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

SLOWEST_BPS: Final = 100_000
"""Less is not a link that can be shaped."""

# Round trips that much above the least say that a queue stands.
FULL_S: Final = 0.03
CALM_S: Final = 0.01
# So many readings in a row are no burst; so many below what was believed are a new link.
SUSTAINED: Final = 3
LASTING: Final = 30
# A link that is used to what is believed of it, and still calm, may have more.
USED_SHARE: Final = 0.9
RISE: Final = 1.05
# The least round trip follows downwards at once and upwards slowly: paths change.
BASE_RISE: Final = 1.002


@dataclass(frozen=True, slots=True)
class Sight:
    """One interval of one direction."""

    sent_bps: float
    round_trip_s: float | None  # None: nothing was measured
    is_busier: bool  # carries more than the other direction: delay is put down to it


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is believed of one direction."""

    bps: int = 0  # 0: not known yet
    base_s: float = math.inf
    full: tuple[float, ...] = ()  # rates of the last readings, all with a standing queue
    calm: int = 0  # readings in a row that were well used and without delay


def learned(capacity: Capacity, sight: Sight, most_bps: int) -> Capacity:
    """Return what to believe after one more interval. most_bps: never more; 0: unknown."""
    trip = sight.round_trip_s
    if trip is None or not math.isfinite(trip) or trip <= 0:
        return replace(capacity, full=(), calm=0)
    excess = trip - capacity.base_s if math.isfinite(capacity.base_s) else 0.0
    after = replace(capacity, base_s=min(trip, capacity.base_s * BASE_RISE))
    if excess >= FULL_S and sight.is_busier:
        full = (*capacity.full, sight.sent_bps)[-LASTING:]
        return _filled(replace(after, full=full, calm=0), most_bps)
    is_used = capacity.bps > 0 and sight.sent_bps >= USED_SHARE * capacity.bps
    calm = capacity.calm + 1 if is_used and excess < CALM_S else 0
    if calm < LASTING:
        return replace(after, full=(), calm=calm)
    return replace(after, bps=_bounded(capacity.bps * RISE, most_bps), full=(), calm=0)


def _filled(capacity: Capacity, most_bps: int) -> Capacity:
    if len(capacity.full) < SUSTAINED:
        return capacity
    found = _bounded(median(capacity.full[-SUSTAINED:]), most_bps)
    if found > capacity.bps:
        return replace(capacity, bps=found)
    if len(capacity.full) == LASTING:
        return replace(capacity, bps=_bounded(median(capacity.full), most_bps), full=())
    return capacity


def _bounded(bps: float, most_bps: int) -> int:
    return max(int(min(bps, most_bps or math.inf)), SLOWEST_BPS)
