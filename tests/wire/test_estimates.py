"""The JSON form carries the batch's own numbers, and is checked like any other input."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from tests.wire import samples
from wire.errors import Malformed
from wire.estimates import from_json, report_of, to_json


def message(**changes):
    found = json.loads(to_json(report_of(samples.batch())))
    found.update(changes)
    return json.dumps(found).encode()


def test_a_batch_as_json():
    found = json.loads(message())
    assert found["switch_id"] == "02:00:00:00:00:01"
    assert found["timestamp"] == samples.START_NS // samples.SECOND_NS + 60
    assert found["sketch_count"] == 3
    assert found["sketches"][0] == {
        "endpoint_id": "10.0.0.2",
        "switch_id": "02:00:00:00:00:01",
        "unique_peers": 3,
        "unique_ports": 3,
        "bytes_in": 1000,
        "bytes_out": 2000,
        "flow_count": 5000,
        "first_seen": 7000,
        "last_seen": 8000,
        "active_hours": 9000,
        "local_cluster_id": -1,
    }
    assert found["sketches"][1]["unique_peers"] == pytest.approx(200, abs=20)


def test_a_report_comes_back():
    report = report_of(samples.batch())
    assert from_json(to_json(report)) == report


def test_older_senders_are_understood():
    sketch = json.loads(message())["sketches"][0]
    del sketch["switch_id"], sketch["local_cluster_id"]
    sketch |= {"first_seen": 1700000000.25, "active_hours": [0, 5, 5, 23]}
    (read,) = from_json(message(sketches=[sketch], sketch_count=1)).sketches
    assert read.switch_id == "02:00:00:00:00:01"
    assert (read.first_seen, read.active_hours) == (1700000000, 1 | 1 << 5 | 1 << 23)


@pytest.mark.parametrize(
    "changes",
    [
        {"sketch_count": 2},
        {"sketches": {}},
        {"sketches": [1], "sketch_count": 1},
        {"switch_id": ""},
        {"switch_id": "a\nb"},
        {"timestamp": -1},
        {"timestamp": float("inf")},
        {"sketches": [{"endpoint_id": "a"}], "sketch_count": 1},
    ],
)
def test_wrong_reports_are_malformed(changes):
    with pytest.raises(Malformed):
        from_json(message(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"bytes_in": -1},
        {"bytes_in": 2**64},
        {"bytes_in": True},
        {"active_hours": 1 << 24},
        {"active_hours": [24]},
        {"active_hours": [True]},
        {"local_cluster_id": "1"},
        {"endpoint_id": 5},
    ],
)
def test_wrong_sketches_are_malformed(changes):
    sketch = json.loads(message())["sketches"][0] | changes
    with pytest.raises(Malformed):
        from_json(message(sketches=[sketch], sketch_count=1))


@given(st.binary(max_size=100))
def test_any_bytes_are_malformed(data):
    with pytest.raises(Malformed):
        from_json(data)


def test_too_large_a_body_is_malformed_unread(monkeypatch):
    monkeypatch.setattr("wire.estimates.MAX_JSON", 10)
    with pytest.raises(Malformed, match="at most 10"):
        from_json(message())


def test_deep_nesting_is_malformed():
    with pytest.raises(Malformed):
        from_json(b"[" * 200_000)
