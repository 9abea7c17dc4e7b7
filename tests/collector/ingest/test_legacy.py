"""Estimates sent as JSON by older agents."""

from __future__ import annotations

import json

import pytest

from collector.ingest import legacy
from collector.records import Arrival
from tests.collector.support import Server
from wire.batch import Malformed


def test_json_estimates_are_stored_and_repeats_are_noticed(shared: Server):
    sketch = {"endpoint_id": "old-1", "switch_id": "old", "unique_peers": 7,
              "unique_ports": 2,
              "bytes_in": 10, "bytes_out": 20, "flow_count": 3, "first_seen": 1.5,
              "last_seen": 2, "active_hours": 3, "local_cluster_id": -1}  # fmt: skip
    data = json.dumps({"switch_id": "old", "timestamp": 1, "sketch_count": 1,
                       "sketches": [sketch]}).encode()  # fmt: skip
    kind = {"Content-Type": "application/json"}
    first = shared.request("POST", "/api/edge/sketches", data, kind)
    again = shared.request("POST", "/api/edge/sketches", data, kind)
    assert (first.status, first.json["sketches_stored"]) == (200, 1)
    assert again.json["duplicate"] is True
    shared.settled()
    (row,) = shared.get("/api/edge/sketches?switch_id=old").json["sketches"]
    assert (row["unique_peers"], row["bytes_out"], row["first_seen"]) == (7, 20, 1)
    (end,) = shared.get("/api/endpoints?agents=old").json["endpoints"]
    assert end["unique_peers"] == 7


NOW_NS = 1_795_000_000 * 1_000_000_000


def arrival(agent: str = "", serial: str = "") -> Arrival:
    return Arrival(agent, NOW_NS, "json", "identity", b"", serial)


def message(*sketches: object, **more: object) -> bytes:
    return json.dumps({"switch_id": "old", "sketches": sketches, **more}).encode()


def test_nothing_sent_is_an_empty_batch():
    one, estimates = legacy.read(message(), arrival(serial="ab" * 16))
    assert (one.agent, one.boot, one.sequence, one.endpoints.ids) == (
        "old", b"\xab" * 16, 0, (),
    )  # fmt: skip
    assert estimates == {"unique_peers": [], "unique_ports": []}
    assert (one.end_ns, one.end_ns - one.start_ns) == (NOW_NS, 60 * 10**9)


@pytest.mark.parametrize(("said", "name"), [("x", "x"), ("", "header"), (None, "header")])
def test_the_body_names_the_agent_else_the_header(said: object, name: str):
    one, _ = legacy.read(message(switch_id=said), arrival(agent="header"))
    assert one.agent == name


def test_seconds_may_have_a_fraction_and_what_is_left_out_is_zero():
    sketch = {"endpoint_id": "e", "first_seen": 1.9, "unique_peers": 2.5}
    one, estimates = legacy.read(message(sketch, sketch_count=1), arrival())
    assert one.endpoints.totals["first_seen"].tolist() == [1]
    assert one.endpoints.totals["bytes_in"].tolist() == [0]
    assert estimates == {"unique_peers": [2.5], "unique_ports": [0.0]}


E = {"endpoint_id": "e"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON: RecursionError"),
        (b"[]", "not a list"),
        (b'{"sketches": {}}', "not a list"),
        (message(E, sketch_count=2), "sketch_count says 2, there are 1"),
        (message(3), "not an object"),
        (message({}), "endpoint_id"),
        (message({"endpoint_id": ""}), "endpoint_id"),
        (message({"endpoint_id": "e" * 257}), "endpoint_id"),
        (message(E, E), "doubled"),
        (message({**E, "bytes_in": -1}), "bytes_in"),
        (message({**E, "bytes_in": 2**64}), "bytes_in"),
        (message({**E, "bytes_in": "1"}), "bytes_in"),
        (message({**E, "bytes_in": True}), "bytes_in"),
        (message({**E, "last_seen": float("nan")}), "last_seen"),
        (message({**E, "last_seen": float("inf")}), "last_seen"),
        (message({**E, "active_hours": 2**24}), "active_hours"),
        (message({**E, "unique_peers": None}), "unique_peers"),
        (message({**E, "unique_ports": float("nan")}), "unique_ports"),
        (message(*[{"endpoint_id": str(n)} for n in range(8193)]), "more than 8192"),
    ],
)
def test_messages_that_cannot_be(data: bytes, reason: str):
    with pytest.raises(Malformed, match=reason):
        legacy.read(data, arrival())
