"""The rate of a link that is not constant, found from what passes anyway.

Nothing is sent to measure: the round trips come from TCP timestamps, queues and drops from
the tree. Delay that Weir's own queues cause is subtracted: only what queues elsewhere says
that the link has become slower than the tree believes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from agent.qos.policy import FLOOR_SHARE

LOADED_SHARE: Final = 0.75  # of the rate: below, nothing speaks for raising it
# Delay is blamed on this link's load from here on. Low, because a link that lost most of
# its capacity passes little.
INVOLVED_SHARE: Final = 0.1
DRAINING: Final = 0.97  # of the delay one reading before
BAD_READINGS: Final = 2  # in a row
# At the floor and still late for so many readings: the path has changed, not the capacity.
STUBBORN_READINGS: Final = 10
LEAST_CUT, DEEPEST_CUT = 0.95, 0.75
RISE: Final = 1.04
RECOVERY_SHARE: Final = 0.01  # of the configured rate, a second, while idle
COOL_DOWN_S: Final = 2.0
# The base round trip follows downwards at once and upwards slowly: paths change.
BASE_RISE: Final = 1.002  # a reading


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a rate may move, and what delay is too much."""

    link_bps: int  # configured: the ceiling, and where idle time leads back to
    floor_bps: int = 0  # 0: FLOOR_SHARE of the link
    delay_s: float = 0.03

    @property
    def lowest_bps(self) -> int:
        """The rate below which the link is never taken to be."""
        return max(self.floor_bps, int(self.link_bps * FLOOR_SHARE))


@dataclass(frozen=True, slots=True)
class Load:
    """One interval of one direction, all classes together."""

    interval_s: float
    sent_bps: float
    backlog_bytes: float
    round_trip_s: float | None  # a low quantile of the interval's; None: nothing measured


@dataclass(frozen=True, slots=True)
class Rate:
    """What is believed of a link now."""

    rate_bps: int
    base_s: float = math.inf
    excess_s: float = 0.0
    bad_readings: int = 0
    cool_until: float = -math.inf


def adapted(rate: Rate, load: Load, bounds: Bounds, now: float) -> Rate:
    """Return what to believe after one more interval."""
    base, excess = _excess(rate, load)
    is_loaded = load.sent_bps >= LOADED_SHARE * rate.rate_bps
    is_involved = load.sent_bps >= INVOLVED_SHARE * rate.rate_bps
    bad = rate.bad_readings + 1 if is_involved and excess > bounds.delay_s else 0
    # A queue that drains needs time, not another cut.
    is_draining = excess < DRAINING * rate.excess_s
    after = replace(rate, base_s=base, excess_s=excess, bad_readings=bad)
    if rate.rate_bps <= bounds.lowest_bps and bad:
        return after if bad < STUBBORN_READINGS else replace(after, base_s=base + excess)
    # A clock that was set back makes no long pause of a short one.
    if now < rate.cool_until <= now + COOL_DOWN_S:
        return after
    if bad >= BAD_READINGS and not is_draining:
        return _slower(after, load, excess, bounds, now)
    if is_loaded and load.round_trip_s is not None and excess < bounds.delay_s / 3:
        return _moved(after, rate.rate_bps * RISE, bounds)
    if not is_loaded and not bad:
        step = bounds.link_bps * RECOVERY_SHARE * load.interval_s
        return _moved(after, rate.rate_bps + step, bounds)
    return after


def _excess(rate: Rate, load: Load) -> tuple[float, float]:
    """Return the new base round trip, and the delay that queues elsewhere add to it."""
    trip = load.round_trip_s
    if trip is None or not math.isfinite(trip) or trip <= 0:
        return rate.base_s, 0.0
    own = load.backlog_bytes * 8 / max(rate.rate_bps, 1)
    foreign = max(trip - own, 0.0)
    if not math.isfinite(rate.base_s):
        return trip, 0.0
    base = min(trip, rate.base_s * BASE_RISE)
    return base, max(foreign - rate.base_s, 0.0)


def _slower(rate: Rate, load: Load, excess: float, bounds: Bounds, now: float) -> Rate:
    # The further beyond the bound, the deeper; what got through is the best estimate.
    depth = min((excess - bounds.delay_s) / bounds.delay_s, 1.0)
    factor = LEAST_CUT - (LEAST_CUT - DEEPEST_CUT) * depth
    goal = min(rate.rate_bps, load.sent_bps) * factor
    floor = rate.rate_bps * DEEPEST_CUT
    cut = _moved(rate, max(goal, floor), bounds)
    return replace(cut, bad_readings=0, cool_until=now + COOL_DOWN_S)


def _moved(rate: Rate, goal: float, bounds: Bounds) -> Rate:
    kept = min(max(int(goal), bounds.lowest_bps), bounds.link_bps)
    return replace(rate, rate_bps=kept)
