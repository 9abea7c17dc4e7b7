"""The table adds up what flows did, each in its own row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from agent.records import FLOW_DELTA
from agent.sketch import flowtable
from agent.sketch.flowtable import FlowTable, group, mix, take
from tests.agent.sketch.deltas import delta, rows


def test_walks_add_up_and_the_latest_rules():
    table = FlowTable()
    first = delta(
        "10.0.0.1", "192.0.2.1", sent=100, received=10, id=7, rtt_ns=5, last_ns=50
    )
    later = delta(
        "10.0.0.1", "192.0.2.1", sent=1, received=2, id=7, new=False, rtt_ns=6, last_ns=60,
        ending=3, dscp=46, retransmits=[2, 3],
    )  # fmt: skip
    other = delta("10.0.0.1", "192.0.2.1", sent=5, received=5, id=8)
    table.add(first)
    table.add(rows(later, other))
    found = {
        name: table.column(name).tolist()
        for name in (
            "bytes_forward",
            "bytes_backward",
            "begun",
            "rtt_ns",
            "last_ns",
            "dscp",
        )
    }
    assert found == {
        "bytes_forward": [101, 5],
        "bytes_backward": [12, 5],
        "begun": [1, 1],
        "rtt_ns": [6, 0],
        "last_ns": [60, int(other["last_ns"][0])],
        "dscp": [46, 0],
    }
    assert table.column("retransmits").tolist() == [5, 0]
    assert table.column("ending").tolist() == [3, 0]


def test_a_new_class_takes_a_row_and_the_flow_keeps_its_number():
    table = FlowTable()
    table.add(delta("10.0.0.1", "192.0.2.1", id=7, kind="unknown"))
    table.add(delta("10.0.0.1", "192.0.2.1", id=7, kind="video"))
    assert table.column("class").tolist() == [0, 2]
    assert len(set(table.column("flow").tolist())) == 1


def test_one_walk_may_hold_a_flow_twice():
    table = FlowTable()
    row = delta("10.0.0.1", "192.0.2.1", id=7, sent=10)
    table.add(rows(row, row, row))
    assert table.column("bytes_forward").tolist() == [30]


def test_equal_ids_of_different_flows_stay_apart():
    table = FlowTable()
    table.add(
        rows(delta("10.0.0.1", "192.0.2.1", id=7), delta("10.0.0.2", "192.0.2.1", id=7))
    )
    table.add(delta("10.0.0.1", "192.0.2.1", id=7, slot=9))
    assert table.count == 3


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2**40)), max_size=80))
)
def test_any_walks_give_exact_sums(walks):
    table, exact = FlowTable(), {}
    for walk in walks:
        batch = np.zeros(len(walk), FLOW_DELTA)
        for place, (number, size) in enumerate(walk):
            batch["id"][place], batch["bytes"][place] = number, [size, 1]
            exact[number] = exact.get(number, 0) + size
        table.add(batch)
    assert sorted(table.column("bytes_forward").tolist()) == sorted(exact.values())
    assert table.count == len(exact)


def test_the_table_grows_clears_and_gives_memory_back():
    table, many = FlowTable(), np.zeros(20_000, FLOW_DELTA)
    many["id"] = np.arange(20_000)
    many["bytes"] = 1
    table.add(many)
    table.add(many)
    assert table.count == 20_000
    assert table.column("bytes_forward").sum() == 40_000
    assert table.room() == flowtable.MAX_ROWS - 20_000
    table.clear()
    table.add(many[:10])
    assert table.column("bytes_forward").tolist() == [1] * 10
    table.clear()
    assert len(table._columns["flow"]) == flowtable._LEAST_ROWS


@given(st.lists(st.integers(0, 9), max_size=50))
def test_group_is_unique(keys):
    distinct, places, which = group(np.array(keys, np.int64))
    assert distinct.tolist() == sorted(set(keys))
    assert [keys[place] for place in places] == distinct.tolist()
    assert [distinct[number] for number in which] == keys


def test_take_is_indexing():
    table = rows(*(delta("10.0.0.1", "192.0.2.1", id=n + 1) for n in range(5)))
    assert take(table, np.array([4, 0, 0]))["id"].tolist() == [5, 1, 1]
    assert np.array_equal(take(table, table["id"] > 2), table[2:])


def test_mix_tells_words_and_their_order_apart():
    a, b = np.arange(1, 1001, dtype=np.uint64), np.zeros(1000, np.uint64)
    assert len({*mix(a, b).tolist(), *mix(b, a).tolist(), *mix(a).tolist()}) == 3000
