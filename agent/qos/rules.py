"""Rules of the operator: what a traffic type is guaranteed, allowed and marked with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent.qos import dscp as code_points
from agent.records import CLASS_NAMES

PRIORITIES: Final = range(4)  # 3 is served first
MEGABIT: Final = 1_000_000
# A terabit: above any link, and small enough for exact arithmetic in floats.
MAX_MEGABITS: Final = 1_000_000.0

_REQUIRED = ("traffic_type", "min_bandwidth", "max_bandwidth", "priority")
_KEYS = (*_REQUIRED, "dscp", "enabled")


class BadRule(ValueError):
    """A rule that cannot be: the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a traffic type is guaranteed, allowed and marked with. Bandwidths in Mbit/s.

    A dscp of None leaves the mark to the profile.
    """

    traffic_type: str
    min_bandwidth: float
    max_bandwidth: float
    priority: int
    dscp: int | None = None
    enabled: bool = True

    @property
    def min_bps(self) -> int:
        """The guarantee, bit/s."""
        return round(self.min_bandwidth * MEGABIT)

    @property
    def max_bps(self) -> int:
        """The ceiling, bit/s."""
        return round(self.max_bandwidth * MEGABIT)

    def as_json(self) -> dict[str, Any]:
        """Return the rule as the API and the store hold it."""
        return asdict(self)


DEFAULT_RULES: Final = (
    Rule("video", 5.0, 50.0, 3, 46),
    Rule("voice", 0.1, 10.0, 3, 46),
    Rule("file", 0.5, 30.0, 1, 10),
    Rule("background", 0.0, 20.0, 0, 0),
)
"""What the predecessor ships (goes with the `predecessor` profile of agent/qos/dscp.py)."""


def parse(fields: Mapping[str, Any]) -> Rule:
    """Return the rule that configuration, API or store wrote. Raises BadRule."""
    unknown = sorted(set(fields) - set(_KEYS))
    if unknown:
        raise BadRule(f"rule: key {unknown[0]!r} is unknown: keys are {', '.join(_KEYS)}")
    missing = [key for key in _REQUIRED if key not in fields]
    if missing:
        raise BadRule(f"rule: {missing[0]} is missing: give {', '.join(_REQUIRED)}")
    name = fields["traffic_type"]
    if name not in CLASS_NAMES:
        raise BadRule(
            f"rule: traffic_type {name!r} is unknown: "
            f"choose one of {', '.join(CLASS_NAMES)}"
        )
    least = _megabits(name, "min_bandwidth", fields["min_bandwidth"])
    most = _megabits(name, "max_bandwidth", fields["max_bandwidth"])
    if least > most:
        raise BadRule(
            f"rule {name}: min_bandwidth {least:g} is above max_bandwidth {most:g}: "
            "lower one or raise the other"
        )
    if most <= 0:
        raise BadRule(
            f"rule {name}: max_bandwidth 0 would stop the class: "
            "give more, or enabled = false"
        )
    dscp = fields.get("dscp")
    if dscp is not None:
        dscp = _integer(name, "dscp", dscp, code_points.CODE_POINTS - 1)
    enabled = fields.get("enabled", True)
    if not isinstance(enabled, bool):
        raise BadRule(f"rule {name}: enabled {enabled!r} is neither true nor false")
    return Rule(
        name,
        least,
        most,
        _integer(name, "priority", fields["priority"], PRIORITIES.stop - 1),
        dscp,
        enabled,
    )


def parse_all(rules: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return the rules of one list. Raises BadRule, also for a second rule of a type."""
    seen: dict[str, Rule] = {}
    for fields in rules:
        rule = parse(fields)
        if rule.traffic_type in seen:
            raise BadRule(
                f"rule {rule.traffic_type}: there are two: a traffic type has one rule"
            )
        seen[rule.traffic_type] = rule
    return tuple(seen.values())


def check_capacity(rules: Iterable[Rule], capacity_bps: int) -> None:
    """Raise BadRule when the guarantees together exceed the link."""
    total = sum(rule.min_bps for rule in rules if rule.enabled)
    if total > capacity_bps:
        raise BadRule(
            f"rules: the minima add up to {total / MEGABIT:g} Mbit/s, the link has "
            f"{capacity_bps / MEGABIT:g}: lower a min_bandwidth"
        )


def _megabits(name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRule(f"rule {name}: {key} {value!r} is not a number of Mbit/s")
    if not math.isfinite(value) or not 0 <= value <= MAX_MEGABITS:
        raise BadRule(f"rule {name}: {key} {value:g} is outside 0-{MAX_MEGABITS:g} Mbit/s")
    return float(value)


def _integer(name: str, key: str, value: object, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRule(f"rule {name}: {key} {value!r} is not a whole number")
    if not 0 <= value <= largest:
        raise BadRule(f"rule {name}: {key} {value} is outside 0-{largest}")
    return value
