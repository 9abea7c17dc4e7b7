"""SQL and its parameters."""

from __future__ import annotations

import re

import pytest

from collector.store import queries
from tests.collector.support import Server


@pytest.mark.parametrize(
    "value", ["%27", "%5C", "%27%29%20OR%201=1%20--", "%09", "%7Bx%7D", "a%00b"]
)
def test_hostile_values_are_only_values(shared: Server, value: str):
    for path in (
        "totals?agent=",
        "flows?interface=",
        "endpoints?agents=",
        "edge/sketches?switch_id=",
    ):
        answer = shared.get(f"/api/{path}{value}")
        assert answer.status == 200, answer.data
        assert not answer.json.get("series")
        assert not answer.json.get("count")


SPAN = (1_000, 2_000)


def test_filters_that_are_not_set_are_left_out():
    clause, values = queries.where(
        SPAN, {"agent": ("String", ""), "port": ("UInt16", None), "many": ("String", [])}
    )
    assert clause == f"WHERE {queries.WITHIN}"
    assert values == {"start_ms": 1_000, "end_ms": 2_000}


def test_filters_travel_as_parameters():
    clause, values = queries.where(
        SPAN, {"agent": ("String", ["x", "y"]), "protocol": ("UInt8", 0)}
    )
    assert "t.agent IN {is_agent:Array(String)}" in clause
    assert "t.protocol = {is_protocol:UInt8}" in clause
    assert (values["is_agent"], values["is_protocol"]) == (["x", "y"], 0)


EVIL = "x' OR 1=1 --"
EVERY = [
    queries.totals(SPAN, 1000, "class", {"agent": EVIL}),
    queries.conservation(SPAN, {"interface": EVIL}),
    queries.endpoints(SPAN, [EVIL], "bytes", 5, EVIL),
    queries.images(SPAN, [EVIL], [EVIL], 5),
    queries.endpoint_timeline(SPAN, 1000, EVIL),
    queries.flows(SPAN, {"agent": ("String", EVIL)}, {"address": EVIL, "port": 0},
                  "bytes", 5),
    queries.sketches(EVIL, 5),
    queries.sketch_stats(),
    queries.quantile_images(SPAN, [EVIL], EVIL, 5),
    queries.batches(SPAN, [EVIL], 5),
    queries.unique_endpoints(),
]  # fmt: skip


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query[0][:40])
def test_no_value_of_a_user_is_in_the_text(query: queries.Query):
    sql, values = query
    assert EVIL not in sql
    named = set(re.findall(r"{(\w+):", sql))
    assert named == set(values)
    assert "{db}." in sql
    assert "LIMIT" in sql or "uniqExact(endpoint_id) AS endpoints FROM" in sql


@pytest.mark.parametrize("sort", ["x", "bytes; DROP", ""])
def test_sorts_and_groups_are_words_of_ours(sort: str):
    with pytest.raises(KeyError):
        queries.endpoints(SPAN, [], sort, 5)
    with pytest.raises(KeyError):
        queries.flows(SPAN, {}, {}, sort, 5)
    if sort:
        with pytest.raises(KeyError):
            queries.totals(SPAN, 1000, sort, {})


def test_port_zero_is_a_port():
    sql, values = queries.flows(SPAN, {}, {"address": "", "port": 0}, "bytes", 5)
    assert values["port"] == 0
    assert "{port:UInt16}" in sql
    assert "address" not in values
