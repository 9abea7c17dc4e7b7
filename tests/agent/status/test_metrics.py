from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.reports import UplinkState
from agent.status import metrics
from tests.agent.status.support import SNAPSHOT, Moment

FAMILIES = {
    family.name: family
    for family in text_string_to_metric_families(metrics.prometheus(SNAPSHOT).decode())
}


def value(name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for family in FAMILIES.values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found


def test_json_has_the_agreed_names():
    assert metrics.as_json(SNAPSHOT) == {
        "switch_id": "edge-001",
        "uptime_seconds": 3600.0,
        "flows_processed": 12_345,
        "flows_per_second": 7.5,
        "endpoints_tracked": 42,
        "memory_kb": 65536,
        "last_sync_seconds_ago": 12.0,
        "sketches_sent": 2000,
        "batches_sent": 57,
        "errors": 9,
        "connected": True,
    }
    assert (
        metrics.as_json(Moment(uplink=UplinkState()).now)["last_sync_seconds_ago"] is None
    )


@pytest.mark.parametrize("unit", ["frames", "packets", "bytes"])
def test_outcomes_add_up_to_what_was_seen(unit):
    outcomes = ("flow", "overflow", "non_ip", "unparsed", "filtered")
    for interface in ("wan0", "lan0"):
        for direction in ("rx", "tx"):
            where = {"interface": interface, "direction": direction}
            parts = [
                value(f"weir_agent_{unit}_total", **where, outcome=name)
                for name in outcomes
            ]
            assert all(parts)
            assert sum(parts) == value(f"weir_agent_seen_{unit}_total", **where)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("interface_packets_total", {"interface": "wan0", "direction": "tx"}, 5),
        (
            "class_bytes_total",
            {"interface": "lan0", "direction": "rx", "class": "file"},
            21,
        ),
        ("flows", {}, 3),
        ("flows_max", {}, 65536),
        ("flows_processed_total", {}, 12345),
        ("start_time_seconds", {}, 1_699_996_400),
        ("ready", {}, 1),
        ("walk_seconds", {}, 0.02),
        ("spool_batches", {}, 2),
        ("spool_oldest_age_seconds", {}, 90),
        ("spool_outcomes_total", {"outcome": "dropped"}, 1),
        ("spool_dropped_bytes_total", {}, 2500),
        ("connected", {}, 1),
        ("upload_batches_total", {}, 57),
        ("upload_errors_total", {"kind": "busy"}, 4),
        ("breaker", {"collector": "http://b:1", "state": "open"}, 1),
        ("breaker", {"collector": "http://b:1", "state": "closed"}, 0),
        ("upload_seconds_bucket", {"le": "0.05"}, 3),
        ("upload_seconds_bucket", {"le": "+Inf"}, 57),
        ("upload_seconds_sum", {}, 4.5),
        ("upload_seconds_count", {}, 57),
        ("hook", {"interface": "lan0", "direction": "rx", "mode": "tcx"}, 1),
        ("interface_up", {"interface": "lan0"}, 0),
        ("plugin_walks_total", {"plugin": "notes:Notes", "outcome": "heard"}, 60),
        ("plugin_walks_total", {"plugin": "notes:Notes", "outcome": "skipped"}, 3),
        ("plugin_failures_total", {"plugin": "notes:Notes"}, 2),
        ("plugin_dropped", {"plugin": "notes:Notes"}, 0),
        ("plugin_dropped", {"plugin": "slow:Slow"}, 1),
        (
            "build_info",
            {"version": "0.1.0", "switch_id": "edge-001", "loader": "libbpf"},
            1,
        ),
    ],
)
def test_values(name, labels, expected):
    assert value("weir_agent_" + name, **labels) == expected


def test_names_follow_the_conventions():
    for family in FAMILIES.values():
        assert re.fullmatch(r"weir_agent_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        assert not re.search(r"_(ms|ns|mb|kb|seconds_total)$", family.name)


def test_an_interface_without_own_counters_is_told_without_them():
    text = metrics.prometheus(Moment(kernel={}).now).decode()
    assert "weir_agent_interface_packets_total{" not in text
    assert "weir_agent_seen_packets_total{" in text
