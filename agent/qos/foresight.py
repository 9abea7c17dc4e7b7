"""What classes will ask for on every watched interface, and how often that was right.

Where a tree stands, its own estimate is told: it knows when a class was held back.
Elsewhere an exponential mean of what passed, with the quantiles of its own errors.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.qos.answers import BadRequest
from agent.qos.demand import SMOOTHING, Quantiles, Smoothed
from agent.qos.rules import MAX_MEGABITS, MEGABIT

MODEL_TYPE: Final = "rule_based"
MODEL: Final = f"ewma-{SMOOTHING:g}"
HORIZON_S: Final = 1.0
LEAST_POINTS: Final = 10
"""Fewer readings say nothing of how often an estimate is right."""

OUTCOMES: Final = 300
SILENT_READINGS: Final = 60
"""A class that carried nothing for so long is forgotten."""

MOST_REQUESTS: Final = 1_000
LARGEST_COUNT: Final = 1e15

Where = tuple[str, str]
"""Interface, egress or ingress."""

_OWN: Final = ("current_throughput", "packet_rate", "packet_count", "byte_count")
_NUMBERS: Final[Mapping[str, float]] = {
    "packet_count": 0.0,
    "byte_count": 0.0,
    "average_packet_size": 1500.0,
    "packet_rate": 100.0,
    "current_throughput": 0.0,
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """Demand of one class in one direction, bit/s."""

    interface: str
    direction: str
    traffic_type: str
    current_bps: float
    demand: Quantiles
    confidence: float  # percent of readings that the high quantile covered; 0: too few

    def as_json(self) -> dict[str, Any]:
        """Return what GET /predict lists."""
        return {
            "interface": self.interface,
            "direction": self.direction,
            "traffic_type": self.traffic_type,
            "current_throughput_mbps": _mbps(self.current_bps),
            "predicted_bandwidth_mbps": _mbps(self.demand.likely_bps),
            "quantiles_mbps": _quantiles(self.demand),
            "confidence": round(self.confidence, 1),
            "horizon_seconds": HORIZON_S,
            "expires": self.demand.expires,
            **model(),
        }


@dataclass(slots=True)
class _Series:
    at: float
    octets: Mapping[str, int]
    smoothed: Smoothed = field(default_factory=Smoothed)
    rates: Mapping[str, float] = field(default_factory=dict)
    hits: dict[str, deque[bool]] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)  # readings in a row

    def take(self, now: float, after: Mapping[str, int]) -> None:
        """Take the next reading."""
        seconds = now - self.at
        grown = {
            name: max(count - self.octets.get(name, 0), 0) * 8 / seconds
            for name, count in after.items()
        }
        for name, rate in grown.items():
            self.silent[name] = 0 if rate else self.silent.get(name, SILENT_READINGS) + 1
            if self.silent[name] == SILENT_READINGS:
                self.smoothed.forget(name)
                self.hits.pop(name, None)
        rates = {n: rate for n, rate in grown.items() if self.silent[n] < SILENT_READINGS}
        for name, before in self.smoothed.predict(now).items():
            hits = self.hits.setdefault(name, deque(maxlen=OUTCOMES))
            hits.append(rates.get(name, 0.0) <= before.high_bps)
        self.smoothed.observe(now, rates, set())
        self.at, self.octets, self.rates = now, after, rates


class Foresight:
    """One estimate for every class, interface and direction."""

    def __init__(self) -> None:
        self._by: dict[Where, _Series] = {}

    @property
    def points(self) -> int:
        """Return how many readings are kept."""
        return sum(len(hits) for one in self._by.values() for hits in one.hits.values())

    def observe(self, now: float, octets: Mapping[Where, Mapping[str, int]]) -> None:
        """Take what every class had carried by now, in bytes. now: unix time."""
        for where in self._by.keys() - octets.keys():
            del self._by[where]
        for where, after in octets.items():
            series = self._by.setdefault(where, _Series(now, after))
            if now > series.at:
                series.take(now, after)
            elif now < series.at:  # The clock was set back.
                series.at, series.octets = now, after

    def outlooks(
        self, now: float, trees: Mapping[Where, Mapping[str, Quantiles]]
    ) -> list[Outlook]:
        """Return every class that was seen. trees: estimates of directions with a tree."""
        found = []
        for where, series in sorted(self._by.items()):
            demands = {**series.smoothed.predict(now), **trees.get(where, {})}
            for name, demand in demands.items():
                current = series.rates.get(name, 0.0)
                hits = series.hits.get(name, ())
                share = sum(hits) / len(hits) if len(hits) >= LEAST_POINTS else 0.0
                if current or demand.high_bps:
                    found.append(Outlook(*where, name, current, demand, 100 * share))
        return found


def model() -> dict[str, Any]:
    """Return who forecasts."""
    return {"model_type": MODEL_TYPE, "model": MODEL, "model_hash": None}


def answer(
    body: Mapping[str, Any], outlooks: Sequence[Outlook], now: float
) -> dict[str, Any]:
    """Answer POST /predict. Raises BadRequest.

    What the request says of its traffic is followed; where it says nothing, what the agent
    sees of that class on its busiest direction, or on the one that is named.
    """
    name = body.get("traffic_type")
    if not isinstance(name, str):
        raise BadRequest("traffic_type is missing: give the type of the traffic")
    numbers = {key: _number(body, key, least) for key, least in _NUMBERS.items()}
    seen = _busiest(name, body, outlooks)
    if seen is not None and not any(key in body for key in _OWN):
        told, current = seen.demand, seen.current_bps
    else:
        current = _throughput(body, numbers)
        told = _like(seen, current, now)
    return {
        "traffic_type": name,
        "predicted_bandwidth_mbps": _mbps(told.likely_bps),
        "confidence": round(seen.confidence, 1) if seen else 0.0,
        "current_throughput_mbps": _mbps(current),
        "packet_rate": numbers["packet_rate"],
        "average_packet_size": numbers["average_packet_size"],
        "timestamp": body.get("timestamp", now),
        "interface": seen.interface if seen else None,
        "direction": seen.direction if seen else None,
        "quantiles_mbps": _quantiles(told),
        "horizon_seconds": HORIZON_S,
        "expires": told.expires,
        **model(),
    }


def answers(body: object, outlooks: Sequence[Outlook], now: float) -> list[dict[str, Any]]:
    """Answer POST /predict/batch. Raises BadRequest."""
    if not isinstance(body, list) or not all(isinstance(one, Mapping) for one in body):
        raise BadRequest("the body must be a list of predictions that are asked for")
    if len(body) > MOST_REQUESTS:
        raise BadRequest(f"{len(body)} requests: {MOST_REQUESTS} are answered at once")
    return [answer(one, outlooks, now) for one in body]


def _busiest(
    name: str, body: Mapping[str, Any], outlooks: Sequence[Outlook]
) -> Outlook | None:
    wanted = [
        one
        for one in outlooks
        if one.traffic_type == name
        and body.get("interface", one.interface) == one.interface
        and body.get("direction", one.direction) == one.direction
    ]
    return max(wanted, key=lambda one: one.demand.high_bps, default=None)


def _throughput(body: Mapping[str, Any], numbers: Mapping[str, float]) -> float:
    if "current_throughput" in body:
        return numbers["current_throughput"] * MEGABIT
    return numbers["packet_rate"] * numbers["average_packet_size"] * 8


def _like(seen: Outlook | None, current: float, now: float) -> Quantiles:
    """Return an estimate for a throughput that grows as the class was seen to grow."""
    if seen is None or seen.current_bps <= 0:
        return Quantiles(current, 2 * current, now + HORIZON_S)
    factor = current / seen.current_bps
    return Quantiles(
        seen.demand.likely_bps * factor, seen.demand.high_bps * factor, seen.demand.expires
    )


def _quantiles(demand: Quantiles) -> dict[str, float]:
    return {"0.5": _mbps(demand.likely_bps), "0.9": _mbps(demand.high_bps)}


def _mbps(bps: float) -> float:
    return round(bps / MEGABIT, 6)


def _number(body: Mapping[str, Any], key: str, default: float) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{key} {value!r} is not a number")
    largest = MAX_MEGABITS if key == "current_throughput" else LARGEST_COUNT
    if not math.isfinite(value) or not 0 <= value <= largest:
        raise BadRequest(f"{key} {value:g} is outside 0-{largest:g}")
    return float(value)
