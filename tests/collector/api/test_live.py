"""Live samples to rates, a query's URL to values, buckets to waits."""

from __future__ import annotations

from typing import Any

import pytest

from collector.api.live import LiveHub, by_type
from tests.collector.support import Server

S = 1_000_000_000


def sample(seconds: float, packets: int, name: str = "eth0") -> dict[str, Any]:
    volume = {"frames": packets, "packets": packets, "bytes": packets * 1000}
    way = {**volume, "classes": {"voice": list(volume.values()), "nosuch": volume}}
    one = {"name": name, "rx": way, "tx": {**volume, "classes": {}}}
    return {"switch_id": "a", "now_ns": int(seconds * S), "interfaces": [one]}


def test_rates_are_differences_by_the_agents_clock():
    hub = LiveHub()
    hub.post(sample(100, 10), "a", 5.0)
    assert hub.throughput(5.0) == []
    hub.post(sample(102, 30), "a", 6.0)
    (rate,) = hub.throughput(6.0)
    assert rate["rx"] == {"bps": 80_000.0, "pps": 10.0,
                          "classes": {"voice": {"bps": 80_000.0, "pps": 10.0}}}  # fmt: skip
    assert hub.clocks() == {"a": (6.0, 96.0)}
    assert by_type([rate], {"web": 2})["voice"] == {"count": 0, "avg_throughput": 0.08}
    assert by_type([rate], {"web": 2})["background"]["count"] == 2
    assert hub.throughput(20.0) == []


@pytest.mark.parametrize(
    ("second", "count"),
    [
        (sample(102, 3), 1),  # maps made anew: rates of zero
        (sample(102, 30, "eth1"), 0),  # another interface: nothing to compare with
        (sample(99, 30), 0),  # late: not the newest
    ],
)
def test_counters_that_went_back(second: dict[str, Any], count: int):
    hub = LiveHub()
    hub.post(sample(100, 10), "a", 5.0)
    hub.post(second, "a", 6.0)
    found = hub.throughput(6.0)
    assert len(found) == count
    assert all(rate["rx"]["bps"] == 0 for rate in found)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"switch_id": 3}', "[" * 100_000,
     '{"switch_id": "a", "now_ns": -1, "interfaces": []}',
     '{"switch_id": "a", "now_ns": 1, "interfaces": [{"name": "x", "rx": {}, "tx": {}}]}',
     '{"switch_id": "a", "now_ns": 1e400, "interfaces": []}'],
)  # fmt: skip
def test_live_samples_that_are_none(shared: Server, text: str):
    assert shared.request("POST", "/api/edge/live", text.encode()).status == 400
