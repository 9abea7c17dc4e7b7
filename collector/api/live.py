"""The live picture: agents post a sample a second, browsers get rates a second later.

Memory only, bounded, lossy by design: the exact account travels in batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collector.records import CLASS_NAMES, DIRECTIONS, UNITS, Refused

AGENTS_MAX: Final = 10_000
INTERFACES_MAX: Final = 256
SILENT_SECONDS: Final = 5.0
"""Samples come each second; after five without one the rates are no longer shown."""
OLD_TYPES: Final = {"interactive": "background", "web": "background"}
TYPES: Final = ("video", "voice", "file", "background", "unknown")

Volumes = dict[str, dict[str, int]]


@dataclass(slots=True)
class Sample:
    """What one agent's interfaces had counted at one moment."""

    now_ns: int
    received: float
    counters: dict[str, dict[str, Volumes]]  # interface → direction → class or "" → unit


@dataclass(slots=True)
class Seen:
    """One agent's last two samples and its clock."""

    last: Sample
    before: Sample | None = None
    skew_seconds: float = 0.0
    rates: list[dict[str, Any]] = field(default_factory=list)


class LiveHub:
    """The newest sample of every agent, and the rates between it and the one before."""

    def __init__(self) -> None:
        self._agents: dict[str, Seen] = {}
        self.samples = 0

    def post(self, body: Any, agent: str, now: float) -> None:
        """Take one sample. Raises Refused."""
        sample = parse(body, agent, now)
        seen = self._agents.get(agent)
        if seen is None:
            if len(self._agents) >= AGENTS_MAX:
                self.forget(now)
            if len(self._agents) >= AGENTS_MAX:
                raise Refused(503, "too many live agents", retry_after=60)
            seen = self._agents[agent] = Seen(sample)
        elif sample.now_ns > seen.last.now_ns or now - seen.last.received > SILENT_SECONDS:
            seen.before, seen.last = seen.last, sample
            seen.rates = rates(seen.before, sample, agent)
        seen.skew_seconds = sample.now_ns / 1e9 - now
        self.samples += 1

    def forget(self, now: float) -> None:
        """Drop agents that have been silent for a minute."""
        for name in [
            n for n, seen in self._agents.items() if now - seen.last.received > 60
        ]:
            del self._agents[name]

    def throughput(self, now: float) -> list[dict[str, Any]]:
        """Return the rates of every interface whose agent still sends."""
        return [
            rate
            for seen in self._agents.values()
            if now - seen.last.received <= SILENT_SECONDS
            for rate in seen.rates
        ]

    def clocks(self) -> dict[str, tuple[float, float]]:
        """Return agent → (time of its last sample, seconds its clock is ahead)."""
        return {
            name: (seen.last.received, seen.skew_seconds)
            for name, seen in self._agents.items()
        }


def parse(body: Any, agent: str, now: float) -> Sample:
    """Check a sample's shape and numbers. Raises Refused."""
    try:
        if body["switch_id"] != agent:
            raise Refused(403, f"this token belongs to {agent}, not to {body['switch_id']}")
        interfaces = body["interfaces"]
        if not isinstance(interfaces, list) or len(interfaces) > INTERFACES_MAX:
            raise Refused(400, f"interfaces: a list of at most {INTERFACES_MAX}")
        counters = {
            text(interface["name"]): {way: volumes(interface[way]) for way in DIRECTIONS}
            for interface in interfaces
        }
        return Sample(counter(body["now_ns"]), now, counters)
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(400, f"not a live sample: {error!r}"[:200]) from error


def volumes(direction: Mapping[str, Any]) -> Volumes:
    """Return counters of a direction by class; the sum of all classes is under ""."""
    found = {"": {unit: counter(direction[unit]) for unit in UNITS}}
    for name, values in direction.get("classes", {}).items():
        if name in CLASS_NAMES:
            if isinstance(values, list) and len(values) == len(UNITS):
                values = dict(zip(UNITS, values, strict=True))
            found[name] = {unit: counter(values[unit]) for unit in UNITS}
    return found


def counter(value: Any) -> int:
    """Return a 64-bit counter. Raises Refused."""
    if type(value) is not int or not 0 <= value < 2**64:
        raise Refused(400, f"{str(value)[:40]} is not a 64-bit counter")
    return value


def text(value: Any) -> str:
    """Return an interface's name. Raises Refused."""
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise Refused(400, "interface name: 1 to 64 characters")
    return value


def rates(before: Sample, last: Sample, agent: str) -> list[dict[str, Any]]:
    """Return bits and packets a second of every interface that both samples have.

    A counter that went back (the agent's maps were made anew) gives no rate this time.
    """
    seconds = (last.now_ns - before.now_ns) / 1e9
    if not 0 < seconds < math.inf:
        return []
    found = []
    for name, directions in last.counters.items():
        earlier = before.counters.get(name)
        if earlier is None:
            continue
        entry: dict[str, Any] = {"agent": agent, "interface": name}
        for way in DIRECTIONS:
            entry[way] = rate_of(earlier[way], directions[way], seconds)
        found.append(entry)
    return found


def rate_of(before: Volumes, last: Volumes, seconds: float) -> dict[str, Any]:
    """Return the rates of one direction: all traffic, and each class."""
    by_class = {
        name: per_second(before.get(name), values, seconds)
        for name, values in last.items()
        if name
    }
    return {**per_second(before[""], last[""], seconds), "classes": by_class}


def per_second(
    before: Mapping[str, int] | None, last: Mapping[str, int], seconds: float
) -> dict[str, float]:
    """Return bits and packets a second between two counters; 0 when they went back."""
    earlier = before or dict.fromkeys(UNITS, 0)
    grown = {unit: max(0, last[unit] - earlier[unit]) for unit in UNITS}
    return {
        "bps": round(grown["bytes"] * 8 / seconds, 1),
        "pps": round(grown["packets"] / seconds, 1),
    }


def by_type(throughput: list[dict[str, Any]], flows: Mapping[str, int]) -> dict[str, Any]:
    """Return the four traffic types that older clients know: flows and Mbit/s each."""
    found = {name: {"count": 0, "avg_throughput": 0.0} for name in TYPES}
    for rate in throughput:
        for way in DIRECTIONS:
            for name, values in rate[way]["classes"].items():
                found[OLD_TYPES.get(name, name)]["avg_throughput"] += values["bps"] / 1e6
    for name, count in flows.items():
        found[OLD_TYPES.get(name, name)]["count"] += count
    return found
