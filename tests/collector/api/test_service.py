"""Health, agents and alerts as people ask for them."""

from __future__ import annotations

import json
import time

import pytest

from collector.api.service import health_of, nanoseconds
from tests.collector.support import Server, batch


def test_a_gap_in_the_numbers_is_seen(shared: Server):
    for number in (1, 2, 5):
        shared.post(batch(number, agent="gappy"))
    shared.settled()
    (agent,) = [a for a in shared.get("/api/agents").json["agents"] if a["name"] == "gappy"]
    assert (agent["health"], agent["missing_batches"]) == ("degraded", 2)


@pytest.mark.parametrize(
    ("silent", "missing", "skew", "health"),
    [
        (10, 0, None, "online"), (10, 1, None, "degraded"), (10, 0, -6.0, "degraded"),
        (200, 0, 0.0, "late"), (400, 1, 0.0, "offline"),
    ],
)  # fmt: skip
def test_health(silent: float, missing: int, skew: float | None, health: str):
    assert health_of(silent, 180.0, missing, skew) == health


def test_agents_that_only_send_live_samples_are_listed(shared: Server):
    counts = {"frames": 1, "packets": 1, "bytes": 1}
    sample = {"switch_id": "only-live", "now_ns": time.time_ns(),
              "interfaces": [{"name": "eth0", "rx": counts, "tx": counts}]}  # fmt: skip
    data = json.dumps(sample).encode()
    assert shared.request("POST", "/api/edge/live", data).status == 200
    found = {one["name"]: one for one in shared.get("/api/agents").json["agents"]}
    one = found["only-live"]
    assert (one["health"], one["is_live"], one["batches"], one["boot"]) == (
        "online", True, 0, "",
    )  # fmt: skip
    assert abs(one["clock_skew_seconds"]) < 5


@pytest.mark.parametrize(("value", "seconds"), [(None, None), (0, 0.0), (-(10**9), -1.0)])
def test_nanoseconds(value: int | None, seconds: float | None):
    assert nanoseconds(value) == seconds


@pytest.mark.parametrize(
    ("number", "status"), [("1", 404), ("x", 400), ("-1", 400), ("9" * 15, 404)]
)
def test_alerts_that_cannot_be_resolved(shared: Server, number: str, status: int):
    answer = shared.request("POST", f"/api/alerts/{number}/resolve", b"")
    assert answer.status == status


def test_lists_of_alerts_have_bounds(shared: Server):
    assert shared.get("/api/alerts?limit=1").json["count"] <= 1
    for limit in ("0", "1001", "x"):
        assert shared.get(f"/api/alerts?limit={limit}").status == 400
