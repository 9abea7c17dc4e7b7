"""Live samples to rates, a query's URL to values, buckets to waits."""

from __future__ import annotations

from typing import Any

import pytest

from collector.api import query
from collector.api.live import LiveHub, by_type
from collector.api.rates import Rates
from collector.api.service import health_of
from collector.records import Refused

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


def test_spans():
    now = 10_000.0
    assert query.span({}, now) == (6_400_000, 10_000_000)
    assert query.span({"from": "-60"}, now) == (9_940_000, 10_000_000)
    assert query.span({"from": "1970-01-01T00:00:10", "to": "20.5"}, now) == (
        10_000,
        20_500,
    )
    assert query.span({"from": "1970-01-01T01:00:10+01:00", "to": "20"}, now)[0] == 10_000
    assert query.step_ms({}, (0, 3_600_000)) == 60_000
    assert query.step_ms({}, (0, 86_400_000 * 30)) == 1296 * 1000
    for wrong in ("1e9999", "inf", "x", "1970-13-01"):
        with pytest.raises(Refused):
            query.span({"from": wrong}, now)


def test_buckets_fill_again():
    rates = Rates(2.0)
    assert [rates.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0]
    assert rates.take("a", 0.0) == 0.5
    assert rates.take("b", 0.0) == 0
    assert rates.take("a", 0.6) == 0
    assert rates.limited == 1


@pytest.mark.parametrize(
    ("silent", "missing", "skew", "health"),
    [
        (10, 0, None, "online"), (10, 1, None, "degraded"), (10, 0, -6.0, "degraded"),
        (200, 0, 0.0, "late"), (400, 1, 0.0, "offline"),
    ],
)  # fmt: skip
def test_health(silent: float, missing: int, skew: float | None, health: str):
    assert health_of(silent, 180.0, missing, skew) == health
