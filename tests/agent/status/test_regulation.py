from __future__ import annotations

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from agent.reports import ClassShare, LaneState, RegulatorState
from agent.status.regulation import families, in_brief, regulation_of

FREE, HELD = ClassShare(4_000_000, 20_000_000, 20_000_000), ClassShare(1, 3, 18_000_000)
LANE = LaneState(
    device="wan",
    way="egress",
    capacity_bps=20_000_000,
    capacity_source="device",
    rate_bps=17_000_000,
    demand_source="served",
    expires=105.0,
    reasons=("link 20 -> 17 Mbit/s",),
    refused={"stale": 2, "negative": 1},
    shares={"web": FREE, "background": HELD},
)
LEARNING = LaneState("lte", "egress", 0, "measured", 0)
STATE = RegulatorState("shape", (LANE, LEARNING), 3, ("qos: x",), 2, 1, 40, 5000)


class Once(Collector):
    def collect(self):
        return families(STATE, 101.0)


def value(name, **labels):
    registry = CollectorRegistry()
    registry.register(Once())
    (found,) = [
        one.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for one in family.samples
        if (one.name, one.labels) == ("weir_agent_qos_" + name, labels)
    ]
    return found


def test_health_and_stats_tell_every_direction():
    told = regulation_of(STATE)
    assert (told["mode"], told["faults"], told["problems"]) == ("shape", 3, ["qos: x"])
    assert (told["matches"], told["flow_limits"]) == (2, 1)
    assert told["over_limit"] == {"packets": 40, "bytes": 5000}
    assert told["devices"]["wan"]["egress"] == {
        "link_mbps": 20,
        "capacity_source": "device",
        "rate_mbps": 17,
        "obeyed_until": 105.0,
        "demand_source": "served",
        "reasons": ["link 20 -> 17 Mbit/s"],
        "refused_forecasts": {"stale": 2, "negative": 1},
        "throttled": ["background"],
        "classes": {
            "web": {"rate_mbps": 4, "ceiling_mbps": 20, "maximum_mbps": 20},
            "background": {"rate_mbps": 1e-6, "ceiling_mbps": 3e-6, "maximum_mbps": 18},
        },
    }
    learning = told["devices"]["lte"]["egress"]
    assert (learning["capacity_source"], learning["obeyed_until"]) == ("measured", None)


def test_a_batch_tells_it_in_brief():
    assert in_brief(STATE) == {
        "qos_mode": "shape",
        "qos_trees": 1,
        "qos_faults": 3,
        "qos_throttled": 1,
        "qos_refused_forecasts": 3,
        "qos_over_limit_packets": 40,
        "qos_rate_bps_wan_egress": 17_000_000,
    }


WAN = {"interface": "wan", "direction": "egress"}
LTE = {"interface": "lte", "direction": "egress"}


def test_metrics_are_what_a_parser_reads():
    assert value("capacity_bits_per_second", **WAN, source="device") == 20_000_000
    assert value("rate_bits_per_second", **LTE, source="measured") == 0
    held = {**WAN, "class": "background"}
    assert value("class_ceiling_bits_per_second", **held) == 3
    assert value("class_maximum_bits_per_second", **held) == 18_000_000
    assert value("deadline_seconds", **WAN) == 4.0
    assert value("deadline_seconds", **LTE) == 0
    assert value("refused_forecasts_total", **WAN, reason="stale") == 2
    assert value("faults_total") == 3
    assert value("matches") == 2
    assert value("over_limit_packets_total") == 40
