"""One decision a second: which rates of the active branch move, and why.

Guarantees never move. The link follows the reactive adaptation inside its bounds; a
forecast moves ceilings only, and only between a class's floor and its maximum. When
forecasts are absent, stale or absurd, the estimate from what was served takes their place;
when that is empty too, nothing moves and the baseline holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.qos.adapt import Bounds, Load, Rate, adapted
from agent.qos.demand import Demand, Quantiles, Smoothed, accepted
from agent.qos.htb import Moves
from agent.qos.policy import Policy

# When demand may pass this share of the link, the yielding classes give way before it does.
PRESSED_SHARE: Final = 0.8
# Others who want less than this share need no protection that priorities do not give.
PROTECTED_SHARE: Final = 0.05
YIELDING: Final = frozenset({"background"})
# Steps of ceilings, as shares of the link: at most so much a decision, and not less.
LARGEST_STEP, LEAST_STEP = 0.25, 0.05
COOL_DOWN_S: Final = 5.0
# A class that queues or drops wanted more than it got.
LIMITED_BACKLOG_S: Final = 0.005
# The deadline that is renewed with every decision; after it, packets take the baseline.
# Below the five seconds that are promised, and three decisions may be late or missing.
DEAD_MAN_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class ClassLoad:
    """What one class did in an interval, and holds now."""

    sent_bytes: int
    backlog_bytes: int
    drops: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One interval of one direction."""

    interval_s: float
    classes: Mapping[str, ClassLoad]
    round_trip_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to plan with until the next one."""

    moves: Moves
    expires: float  # unix time: past it, the kernel falls back to the baseline by itself
    source: str  # forecast | served | none
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Controller:
    """The controller of one direction of one device."""

    policies: Sequence[Policy]
    bounds: Bounds
    is_adaptive: bool = False
    served: Demand = field(default_factory=Smoothed)
    refused: Counter[str] = field(default_factory=Counter)  # forecasts, by reason
    rate: Rate = field(init=False)
    _ceilings: dict[str, int] = field(init=False, default_factory=dict)
    _cool_until: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.rate = Rate(self.bounds.link_bps)

    def step(
        self, now: float, reading: Reading, forecast: Mapping[str, Quantiles] | None = None
    ) -> Decision:
        """Return what to plan with. forecast: of a model, when there is one."""
        reasons: list[str] = []
        if reading.interval_s > 0:
            self._observe(now, reading, reasons)
        link_bps = self.rate.rate_bps
        offered = accepted(forecast or {}, self.bounds.link_bps, now, self.refused)
        served = accepted(self.served.predict(now), self.bounds.link_bps, now, Counter())
        source = "forecast" if offered else "served" if served else "none"
        self._move_ceilings(now, link_bps, {**served, **offered}, reasons)
        moved = link_bps if link_bps != self.bounds.link_bps else None
        return Decision(
            Moves(moved, dict(self._ceilings)), now + DEAD_MAN_S, source, tuple(reasons)
        )

    def _observe(self, now: float, reading: Reading, reasons: list[str]) -> None:
        rates = {
            name: one.sent_bytes * 8 / reading.interval_s
            for name, one in reading.classes.items()
        }
        limited = {
            name
            for name, one in reading.classes.items()
            if one.drops > 0
            or one.backlog_bytes * 8 > LIMITED_BACKLOG_S * self.bounds.link_bps
        }
        self.served.observe(now, rates, limited)
        if not self.is_adaptive:
            return
        load = Load(
            reading.interval_s,
            sum(rates.values()),
            sum(one.backlog_bytes for one in reading.classes.values()),
            reading.round_trip_s,
        )
        before, self.rate = self.rate, adapted(self.rate, load, self.bounds, now)
        if self.rate.rate_bps != before.rate_bps:
            reasons.append(
                f"link {before.rate_bps / 1e6:g} -> {self.rate.rate_bps / 1e6:g} Mbit/s"
            )

    def _move_ceilings(
        self, now: float, link_bps: int, demand: Mapping[str, Quantiles], reasons: list[str]
    ) -> None:
        goals = pressed_ceilings(self.policies, link_bps, demand)
        for policy in self.policies:
            if policy.name not in YIELDING:
                continue
            current = self._ceilings.get(policy.name, policy.max_bps)
            goal = goals.get(policy.name, policy.max_bps)
            # A clock that was set back makes no long pause of a short one.
            if goal > current and now < self._cool_until <= now + COOL_DOWN_S:
                continue
            after = _stepped(current, goal, self.bounds.link_bps)
            if goal == policy.max_bps and goal - after < LEAST_STEP * self.bounds.link_bps:
                after = goal
            if after < current:
                self._cool_until = now + COOL_DOWN_S
            if after == current:
                continue
            if after >= policy.max_bps:
                self._ceilings.pop(policy.name, None)
            else:
                self._ceilings[policy.name] = after
            reasons.append(
                f"{policy.name} ceiling {current / 1e6:g} -> {after / 1e6:g} Mbit/s"
            )


def pressed_ceilings(
    policies: Sequence[Policy], link_bps: int, demand: Mapping[str, Quantiles]
) -> dict[str, int]:
    """Return the ceilings of yielding classes while demand may press; {}: it may not.

    They get what is left of PRESSED_SHARE of the link after everybody else's high quantile,
    inside [floor, maximum]. Alone on the link they press nobody.
    """
    wanted = {
        policy.name: min(demand[policy.name].high_bps, policy.max_bps)
        for policy in policies
        if policy.name in demand
    }
    others = sum(rate for name, rate in wanted.items() if name not in YIELDING)
    is_pressed = sum(wanted.values()) > PRESSED_SHARE * link_bps
    if not is_pressed or others < PROTECTED_SHARE * link_bps:
        return {}
    left = int(PRESSED_SHARE * link_bps - others)
    return {
        policy.name: min(max(left, policy.floor_bps), policy.max_bps)
        for policy in policies
        if policy.name in YIELDING
    }


def _stepped(current: int, goal: int, link_bps: int) -> int:
    """Return the next ceiling on the way to a goal: neither a jump nor a tremble."""
    if abs(goal - current) < LEAST_STEP * link_bps:
        return current
    most = int(LARGEST_STEP * link_bps)
    return current + min(max(goal - current, -most), most)
