"""What every class gets on one link: the operator's rules, and defaults for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent.qos.allocate import Limits
from agent.qos.rules import Rule, check_capacity
from agent.records import CLASS_NAMES

# Priority, guaranteed share and ceiling share of the link in percent. Voice has a ceiling
# below the link, so that what is mistaken for voice cannot starve the others. The shares
# add up to the link; the one of a class is its weight too.
DEFAULT_SHARES: Final[Mapping[str, tuple[int, int, int]]] = MappingProxyType(
    {
        "unknown": (1, 5, 100),
        "voice": (3, 10, 30),
        "video": (2, 30, 90),
        "interactive": (2, 15, 100),
        "web": (1, 25, 100),
        "file": (0, 12, 100),
        "background": (0, 3, 90),
    }
)
# HTB needs a rate above zero; this one is a packet in a second and a half.
LEAST_BPS: Final = 8_000
# A forecast or a reaction never lowers a ceiling below this share of the link.
FLOOR_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """What one class gets. Rates in bit/s: min_bps <= floor_bps <= max_bps."""

    name: str
    min_bps: int  # guaranteed
    max_bps: int  # never exceeded
    floor_bps: int  # the ceiling may be lowered to this, no further
    priority: int  # 3 is served first
    weight: int

    @property
    def limits(self) -> Limits:
        """The policy as the allocator takes it."""
        return Limits(self.min_bps, self.max_bps, self.weight, self.priority)


def policies(rules: Iterable[Rule], capacity_bps: int) -> tuple[Policy, ...]:
    """Return a policy for every class, in the order of CLASS_NAMES.

    A class with an enabled rule gets what the rule says; the others share by default what
    the rules leave. Raises rules.BadRule when the guarantees exceed the link.
    """
    ruled = {rule.traffic_type: rule for rule in rules if rule.enabled}
    check_capacity(ruled.values(), capacity_bps)
    left = capacity_bps - sum(rule.min_bps for rule in ruled.values())
    shares = {name: DEFAULT_SHARES[name][1] for name in CLASS_NAMES if name not in ruled}
    # Defaults keep their share of the link where there is room, and shrink alike otherwise.
    unit = min(capacity_bps / 100, left / max(sum(shares.values()), 1))
    found = [
        _of_rule(ruled[name], capacity_bps)
        if name in ruled
        else _of_default(name, shares[name] * unit, capacity_bps)
        for name in CLASS_NAMES
    ]
    return tuple(found)


def _of_rule(rule: Rule, capacity_bps: int) -> Policy:
    most = min(rule.max_bps, capacity_bps)
    least = max(rule.min_bps, min(LEAST_BPS, most))
    return _policy(rule.traffic_type, least, most, capacity_bps, rule.priority)


def _of_default(name: str, share_bps: float, capacity_bps: int) -> Policy:
    priority, _, ceiling = DEFAULT_SHARES[name]
    most = capacity_bps * ceiling // 100
    return _policy(name, max(int(share_bps), LEAST_BPS), most, capacity_bps, priority)


def _policy(
    name: str,
    least: int,
    most: int,
    capacity_bps: int,
    priority: int,
) -> Policy:
    most = max(most, least)
    floor = min(max(least, int(capacity_bps * FLOOR_SHARE)), most)
    return Policy(name, least, most, floor, priority, DEFAULT_SHARES[name][1])
