"""How QoS stands, for programs: JSON, and metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agent.reports import LaneState, RegulatorState

_WHERE: Final = ("interface", "direction")


def regulation_of(state: RegulatorState) -> dict[str, Any]:
    """Return what GET /health and GET /stats say of QoS."""
    devices: dict[str, dict[str, Any]] = {}
    for lane in state.lanes:
        devices.setdefault(lane.device, {})[lane.way] = _lane(lane)
    return {
        "mode": state.mode,
        "faults": state.faults,
        "problems": list(state.problems),
        "matches": state.matches,
        "flow_limits": state.limits,
        "over_limit": {"packets": state.over_packets, "bytes": state.over_bytes},
        "devices": devices,
    }


def _lane(lane: LaneState) -> dict[str, Any]:
    return {
        "link_mbps": lane.capacity_bps / 1e6,
        "capacity_source": lane.capacity_source,
        "rate_mbps": lane.rate_bps / 1e6,
        "obeyed_until": lane.expires or None,
        "demand_source": lane.demand_source,
        "reasons": list(lane.reasons),
        "refused_forecasts": dict(lane.refused),
        "throttled": [name for name, one in lane.shares.items() if one.is_throttled],
        "classes": {
            name: {
                "rate_mbps": one.rate_bps / 1e6,
                "ceiling_mbps": one.ceiling_bps / 1e6,
                "maximum_mbps": one.maximum_bps / 1e6,
            }
            for name, one in lane.shares.items()
        },
    }


def in_brief(state: RegulatorState) -> dict[str, int | float | str]:
    """Return what a batch tells the collector of QoS: a number a thing."""
    standing = [lane for lane in state.lanes if lane.expires]
    shares = [one for lane in standing for one in lane.shares.values()]
    told: dict[str, int | float | str] = {
        "qos_mode": state.mode,
        "qos_trees": len(standing),
        "qos_faults": state.faults,
        "qos_throttled": sum(one.is_throttled for one in shares),
        "qos_refused_forecasts": sum(sum(one.refused.values()) for one in state.lanes),
        "qos_over_limit_packets": state.over_packets,
    }
    for lane in standing:
        told[f"qos_rate_bps_{lane.device}_{lane.way}"] = lane.rate_bps
    return told


def families(state: RegulatorState, now: float) -> Iterator[Metric]:
    """Yield the metrics of QoS. now: unix time."""
    lanes = state.lanes
    rows = (
        ("capacity", "What the link is shaped to.", [one.capacity_bps for one in lanes]),
        (
            "rate",
            "What the link is believed to carry now.",
            [one.rate_bps for one in lanes],
        ),
    )
    for name, text, values in rows:
        family = GaugeMetricFamily(
            f"weir_agent_qos_{name}_bits_per_second", text, labels=(*_WHERE, "source")
        )
        for lane, value in zip(lanes, values, strict=True):
            family.add_metric((lane.device, lane.way, lane.capacity_source), value)
        yield family
    yield from _classes(lanes)
    left = GaugeMetricFamily(
        "weir_agent_qos_deadline_seconds",
        "Until packets take the baseline unless the agent renews it.",
        labels=_WHERE,
    )
    refused = CounterMetricFamily(
        "weir_agent_qos_refused_forecasts",
        "Forecasts that could not be.",
        labels=(*_WHERE, "reason"),
    )
    for lane in lanes:
        where = (lane.device, lane.way)
        left.add_metric(where, max(lane.expires - now, 0.0))
        for reason, count in sorted(lane.refused.items()):
            refused.add_metric((*where, reason), count)
    yield from (left, refused)
    yield CounterMetricFamily("weir_agent_qos_faults", "Steps that failed.", state.faults)
    yield CounterMetricFamily(
        "weir_agent_qos_over_limit_packets",
        "Packets that a limit of their flow dropped or demoted.",
        state.over_packets,
    )
    yield GaugeMetricFamily(
        "weir_agent_qos_matches", "Match rules in force.", state.matches
    )


def _classes(lanes: tuple[LaneState, ...]) -> Iterator[Metric]:
    for name, text in (
        ("rate", "What a class is guaranteed now."),
        ("ceiling", "What a class may take now."),
        ("maximum", "What a class may take when nothing holds it down."),
    ):
        family = GaugeMetricFamily(
            f"weir_agent_qos_class_{name}_bits_per_second", text, labels=(*_WHERE, "class")
        )
        for lane in lanes:
            for one, share in lane.shares.items():
                value = getattr(share, f"{name}_bps")
                family.add_metric((lane.device, lane.way, one), value)
        yield family
