"""Batches to rows: times, limits, identities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collector.pipeline import understand_arrival
from collector.records import Arrival
from collector.store import rows
from collector.store.tables import TABLES
from tests.collector.support import Server, batch
from wire.batch import encode


def test_the_greatest_numbers_are_stored(shared: Server):
    """Every field at its limit: it is stored, and so is the next batch."""
    most = 2**64 - 1
    one = batch(2**63 - 1, agent="most", end=2**63 / 1e9)
    totals = one.endpoints.totals.copy()
    for part in (totals, one.flows):
        for name in part.dtype.names:
            if name not in ("interface", "class"):
                part[name] = np.iinfo(part.dtype[name].base).max
    totals["bytes_in"] = 2**40
    ends = dataclasses.replace(one.endpoints, totals=totals)
    link = dataclasses.replace(one.interfaces[0], mtu=most, speed_bps=most, name="\x00'\\")
    one = dataclasses.replace(
        one, endpoints=ends, interfaces=(link,), start_ns=0, end_ns=most,
        health={"a": most, "b": -(2**63), "c": "\x00", "d": 1e308},
    )  # fmt: skip
    assert shared.post(one).status == 200
    assert shared.post(dataclasses.replace(one, sequence=2**63)).status == 400
    assert shared.post(batch(1, agent="most")).status == 200
    shared.settled()
    assert shared.get("/health").status == 200
    for path in (
        "agents",
        "endpoints?agents=most",
        "flows?agent=most",
        "batches?agents=most",
    ):
        answer = shared.get(f"/api/{path}")
        assert answer.status == 200, answer.data
        assert b"most" in answer.data


def test_a_clock_far_off_is_corrected(shared: Server):
    assert shared.post(batch(1, agent="no-battery", end=1000.0)).status == 200
    shared.settled()
    assert shared.get("/api/totals?agent=no-battery").json["total"]["frames"] == 144


NOW_NS = 1_795_000_000 * 1_000_000_000


def arrival(data: bytes, form: str = "msgpack", agent: str = "edge-001") -> Arrival:
    serial = "00" * 16 if form != "msgpack" else ""
    return Arrival(agent, NOW_NS, form, "identity", data, serial)


def test_times_of_a_wrong_clock_end_when_received():
    for end in (100.0, NOW_NS / 1e9 + 7200):
        found = understand_arrival(arrival(encode(batch(1, end=end))), 1 << 20)
        (totals,) = [part for part in found.rows if part.table == "class_totals"]
        assert set(totals.columns["end"]) == {NOW_NS // 10**6}
        assert set(totals.columns["start"]) == {NOW_NS // 10**6 - 60_000}
    found = understand_arrival(arrival(encode(batch(1, end=NOW_NS / 1e9 - 86400))), 1 << 20)
    assert found.rows[0].columns["end"][0] == NOW_NS // 10**6 - 86_400_000


def test_an_empty_batch_is_one_row_of_its_own():
    one = dataclasses.replace(batch(1, hosts=0, heavy=0), interfaces=())
    found = understand_arrival(arrival(encode(one)), 1 << 20)
    assert {part.table: part.count for part in found.rows} == {
        "class_totals": 0, "interface_totals": 0, "sketches": 0, "flows": 0, "batches": 1,
    }  # fmt: skip
    assert found.endpoint_ids == ()


def test_every_table_gets_every_column_it_has():
    found = understand_arrival(arrival(encode(batch(1, end=NOW_NS / 1e9))), 1 << 20)
    for part in found.rows:
        wanted = {name for name, _ in TABLES[part.table].columns} - {"origin"}
        assert wanted <= set(part.columns), part.table
        assert {len(part.columns[name]) for name in wanted} == {part.count}


@pytest.mark.parametrize(
    ("age_s", "long_s", "restamped"),
    [
        (0, 60, False), (7 * 86400, 60, False), (7 * 86400 + 1, 60, True),
        (-3600, 60, False), (-3601, 60, True), (0, 86400, False), (0, 86401, True),
    ],
)  # fmt: skip
def test_which_clocks_are_wrong(age_s: int, long_s: int, restamped: bool):
    end_ns = NOW_NS - age_s * 10**9
    one = dataclasses.replace(batch(1), end_ns=end_ns, start_ns=end_ns - long_s * 10**9)
    assert rows.restamp(one, NOW_NS) == (age_s * 10**9 if restamped else 0)


def test_times_move_and_never_below_nothing():
    times = np.array([0, 50, 2**63], "<u8")
    assert rows.shifted(times, 0) is times
    assert rows.shifted(times, -20).tolist() == [0, 30, 2**62]


def test_numbers_unknown_here_have_a_name_all_the_same():
    one = batch(1, end=NOW_NS / 1e9, heavy=2)
    one.flows["class"] = [6, 200]
    one.flows["interface"] = [0, 200]
    columns = rows.flow_columns(one, 0)
    assert columns["class"] == ["background", "unknown"]
    assert columns["interface"] == ["eth0", ""]


@pytest.mark.parametrize(
    ("value", "kept"), [(2**64 - 1, 2**63 - 1), (True, True), ("x", "x"), (-5, -5)]
)
def test_what_sqlite_holds(value: object, kept: object):
    assert rows.bounded(value) == kept
