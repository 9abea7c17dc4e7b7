"""Who is at each end of a flow, and what goes to whom."""

from __future__ import annotations

from agent.sketch import fold
from agent.sketch.flowtable import FlowTable
from agent.sketch.places import NOBODY, PRIVATE, Networks
from agent.sketch.registry import OTHER, Registry
from tests.agent.sketch.deltas import SECOND_NS, START_NS, delta, rows

HOUR_NS = 3600 * SECOND_NS


def sides(*deltas, max_endpoints=9, macs=None):
    table, registry = FlowTable(), Registry(max_endpoints)
    table.add(rows(*deltas))
    around = fold.Surroundings(Networks(PRIVATE), Networks(NOBODY), macs or {})
    found = fold.sides_of(table, registry, around)
    totals = fold.empty_totals(max_endpoints + 1)
    fold.add_totals(totals, table, found, around)
    return found, registry, totals


def test_each_side_knows_its_direction():
    found, registry, _ = sides(delta("10.0.0.2", "10.0.0.3", sent=7, received=3))
    names = [registry.ids[slot] for slot in found.slots]
    assert dict(zip(names, found.inbound.tolist(), strict=True)) == {
        "10.0.0.2": False,
        "10.0.0.3": True,
    }
    assert dict(zip(names, found.sent.tolist(), strict=True)) == {
        "10.0.0.2": 7,
        "10.0.0.3": 3,
    }


def test_nobody_is_never_given_a_slot():
    found, registry, totals = sides(delta("::", "ff02::1", sent=5, received=0))
    assert found.slots.tolist() == [OTHER]
    assert registry.ids.count("") == 9
    assert totals["bytes_out"][OTHER] == 5


def test_flows_of_one_endpoint_join_in_time():
    early, late = START_NS - 2 * HOUR_NS, START_NS + HOUR_NS
    _, registry, totals = sides(
        delta("10.0.0.2", "192.0.2.1", first_ns=early, last_ns=early + SECOND_NS),
        delta("10.0.0.2", "192.0.2.2", first_ns=START_NS, last_ns=late),
    )
    row = totals[registry.ids.index("10.0.0.2")]
    assert row["first_seen"] == early // SECOND_NS
    assert row["last_seen"] == late // SECOND_NS
    assert row["active_hours"] == 1 << 20 | 1 << 23


def test_counts_of_64_bits_do_not_wrap():
    _, registry, totals = sides(delta("10.0.0.2", "192.0.2.1", bytes=[2**52, 2**52]))
    row = totals[registry.ids.index("10.0.0.2")]
    assert (row["bytes_out"], row["class_bytes"].sum()) == (2**52, 2**53)
