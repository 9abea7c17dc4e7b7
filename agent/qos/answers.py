"""What the agent's API answers about rules and allocation; bodies come as mappings.

Old clients speak of traffic types and megabits. A traffic type without a rule is an answer,
not an error; a request that makes no sense raises BadRequest with one line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.qos.allocate import Limits, allocate, with_headroom
from agent.qos.policy import DEFAULT_SHARES
from agent.qos.rules import MAX_MEGABITS, Rule, check_capacity, parse

DEFAULT_LINK_MBPS: Final = 100.0
MOST_PREDICTIONS: Final = 1_000


class BadRequest(ValueError):
    """The request is at fault; the text tells its sender why."""


@dataclass(slots=True)
class RuleBook:
    """The rules in force, and what was last allocated by them."""

    rules: dict[str, Rule] = field(default_factory=dict)
    capacity_bps: int = 0  # 0: unknown, nothing to check the minima against
    marks: Mapping[str, int] = field(default_factory=dict)
    """Traffic type -> code point, where its rule names none."""
    last: dict[str, float] = field(default_factory=dict)

    def put(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /qos/rule. Raises rules.BadRule, and changes nothing then."""
        rule = parse(body)
        together = {**self.rules, rule.traffic_type: rule}
        if self.capacity_bps:
            check_capacity(together.values(), self.capacity_bps)
        was_there = rule.traffic_type in self.rules
        self.rules = together
        verb = "updated" if was_there else "added"
        return {
            "status": "success",
            "message": f"QoS rule {verb} for {rule.traffic_type}",
            "rule": rule.as_json(),
        }

    def list(self) -> dict[str, Any]:
        """Answer GET /qos/rules."""
        return {"rules": {name: rule.as_json() for name, rule in self.rules.items()}}

    def allocate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /allocate. Raises BadRequest.

        Every type is given its minimum whether it is predicted to need it or not, then
        priorities are served from high to low up to demand, high ones with headroom.
        """
        total = _megabits(body, "total_bandwidth_mbps", DEFAULT_LINK_MBPS)
        demands = _predicted(body.get("predictions", []))
        names = list(demands)
        limits = [self._limits(name, total) for name in names]
        wanted = with_headroom([demands[name] for name in names], limits)
        wanted = [max(one.minimum, want) for one, want in zip(limits, wanted, strict=True)]
        shares = allocate(total, wanted, limits).tolist()
        self.last = {
            name: round(share, 6) for name, share in zip(names, shares, strict=True)
        }
        used = min(math.fsum(shares), total)
        return {
            "allocations": dict(self.last),
            "total_allocated": round(used, 6),
            "remaining": round(total - used, 6),
            "utilization_percent": round(100 * used / total, 3) if total else 0.0,
        }

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer POST /qos/apply: what is to be done about one flow. Raises BadRequest."""
        name = body.get("traffic_type")
        if not isinstance(name, str):
            raise BadRequest("traffic_type is missing: give the type of the flow")
        current = _megabits(body, "current_bandwidth", 0.0)
        rule = self.rules.get(name)
        if rule is None or not rule.enabled:
            return _action("none", current, "no_rule", None)
        dscp = self.marks.get(name) if rule.dscp is None else rule.dscp
        if current > rule.max_bandwidth:
            return _action("throttle", rule.max_bandwidth, "exceeds_max", dscp)
        if current < rule.min_bandwidth:
            return _action("prioritize", rule.min_bandwidth, "below_min", dscp)
        return _action("maintain", current, "within_limits", dscp)

    def stats(self, active_flows: int) -> dict[str, Any]:
        """Answer the parts of GET /stats that are QoS's."""
        return {
            "allocator": {
                "total_bandwidth": self.capacity_bps / 1e6,
                "current_allocations": dict(self.last),
            },
            "qos": {"rules_count": len(self.rules), "active_flows": active_flows},
        }

    def _limits(self, name: str, total: float) -> Limits:
        rule = self.rules.get(name)
        weight = DEFAULT_SHARES.get(name, (0, 1, 100))[1]
        if rule is None or not rule.enabled:
            return Limits(0.0, total, weight, 0)
        return Limits(rule.min_bandwidth, rule.max_bandwidth, weight, rule.priority)


def _action(action: str, target: float, reason: str, dscp: int | None) -> dict[str, Any]:
    return {
        "action": action,
        "target_bandwidth": target,
        "reason": reason,
        "dscp": dscp,
    }


def _predicted(predictions: object) -> dict[str, float]:
    """Return traffic type -> megabits; several predictions of a type add up."""
    if not isinstance(predictions, Sequence) or isinstance(predictions, str | bytes):
        raise BadRequest("predictions is not a list")
    if len(predictions) > MOST_PREDICTIONS:
        raise BadRequest(f"predictions has more than {MOST_PREDICTIONS} entries")
    demands: dict[str, float] = {}
    for one in predictions:
        if not isinstance(one, Mapping) or not isinstance(one.get("traffic_type"), str):
            raise BadRequest("a prediction has no traffic_type")
        key = (
            "predicted_bandwidth_mbps"
            if "predicted_bandwidth_mbps" in one
            else "predicted_bandwidth"
        )
        name = one["traffic_type"]
        demands[name] = demands.get(name, 0.0) + _megabits(one, key, 0.0)
    return demands


def _megabits(body: Mapping[str, Any], key: str, default: float) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{key} {value!r} is not a number of Mbit/s")
    if not math.isfinite(value) or not 0 <= value <= MAX_MEGABITS:
        raise BadRequest(f"{key} {value:g} is outside 0-{MAX_MEGABITS:g} Mbit/s")
    return float(value)
