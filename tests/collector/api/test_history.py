"""Five minutes of rates: what comes back, in which order, and when it is forgotten."""

from __future__ import annotations

import gzip
import json
from typing import Any

from collector.api.history import LANES_MAX, SECONDS, History, body_of, document
from tests.collector.support import Server


def rate(agent: str, bps: float, voice: float = 0.0) -> dict[str, Any]:
    way = {"bps": bps, "pps": 1.0, "classes": {"voice": {"bps": voice, "pps": 1.0}}}
    return {"agent": agent, "interface": "eth0", "rx": way, "tx": {**way, "classes": {}}}


def test_seconds_come_back_in_order_with_holes_where_nothing_was_heard():
    history = History()
    assert document(history.copy(1000.0)) == {"times": [], "interfaces": []}
    for now, rates in (
        (1000.2, [rate("a", 10.4, 4.0)]),
        (1001.2, []),
        (1002.3, [rate("a", 30.0), rate("b", 5.0)]),
        (1002.9, [rate("a", 99.0)]),  # a second that is there keeps its own
    ):
        history.add(now, rates)
    found = document(history.copy(1003.0))
    assert found["times"] == [1000, 1001, 1002]
    first, second = found["interfaces"]
    assert (first["agent"], first["interface"]) == ("a", "eth0")
    assert first["rx"] == {"bps": [10, None, 30], "classes": {"voice": [4, None, 0]}}
    assert first["tx"] == {"bps": [10, None, 30], "classes": {}}
    assert second["rx"]["bps"] == [None, None, 5]


def test_what_is_older_than_the_span_is_gone():
    history = History()
    for second in range(1000, 1000 + SECONDS + 50):
        history.add(second, [rate("a", second)])
    found = document(history.copy(1000 + SECONDS + 49.5))
    assert found["times"] == list(range(1050, 1000 + SECONDS + 50))
    assert found["interfaces"][0]["rx"]["bps"] == found["times"]
    assert document(history.copy(10_000.0)) == {"times": [], "interfaces": []}


def test_interfaces_are_bounded_and_silent_ones_make_room():
    history = History()
    history.add(1000, [rate(f"r{n}", 1.0) for n in range(LANES_MAX + 3)])
    assert len(document(history.copy(1000.5))["interfaces"]) == LANES_MAX
    for second in range(1001, 1001 + SECONDS):
        history.add(second, [])
    history.add(1001 + SECONDS, [rate("new", 1.0)])
    (only,) = document(history.copy(1002 + SECONDS))["interfaces"]
    assert only["agent"] == "new"


def test_a_collector_that_heard_nothing_says_so(shared: Server):
    answer = shared.get("/api/live/history").json
    assert set(answer) == {"times", "interfaces"}


def test_a_body_is_the_document_packed_where_that_is_read():
    history = History()
    for second in (1000, 1002):
        history.add(second, [rate("a", 10.4, 7.6), rate("b", 20.0)][: second - 999])
    held = history.copy(1003.0)
    plain = json.loads(body_of(held, may_pack=False))
    assert plain == document(held)
    assert json.loads(gzip.decompress(body_of(held, may_pack=True))) == plain
    assert plain["interfaces"][0]["rx"] == {"bps": [10, 10], "classes": {"voice": [8, 8]}}
    assert plain["interfaces"][1]["rx"]["bps"] == [None, 20]


def test_a_copy_is_not_what_comes_later():
    history = History()
    history.add(1000, [rate("a", 1.0)])
    held = history.copy(1000.5)
    history.add(1000 + SECONDS, [rate("a", 2.0)])
    assert document(held)["interfaces"][0]["rx"]["bps"] == [1]
