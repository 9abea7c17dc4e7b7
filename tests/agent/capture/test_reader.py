"""Raw map values to columns: there and back, sums, and rows of closed flows."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.capture import layout, reader
from agent.records import FLOW_DELTA, Counters

LOW, HIGH = (
    np.frombuffer(ipaddress.ip_address(f"::ffff:10.0.0.{n}").packed, "u1") for n in (1, 2)
)


def key(slot: int = 3) -> np.ndarray:
    made = np.zeros(1, layout.KEY)
    made["low_address"], made["high_address"] = LOW, HIGH
    made["low_port"], made["high_port"] = 1000, 443
    made["slot"], made["protocol"], made["family"] = slot, 6, 4 | layout.KEY_FRAGMENT
    return made


def record(forward_is_low: bool) -> np.ndarray:
    made = np.zeros(1, layout.RECORD)
    made["state"] = layout.STATE_FORWARD_IS_LOW if forward_is_low else 0
    made["id"], made["first_ns"], made["last_ns"] = 9, 100, 200
    made["volume"]["packets"], made["volume"]["bytes"] = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
    made["smoothed_rtt_ns"], made["class"] = 77, 4
    return made


@pytest.mark.parametrize("forward_is_low", [True, False])
def test_the_first_packets_sender_is_the_source(forward_is_low: bool):
    (row,) = reader.rows(key(), record(forward_is_low))
    low, high = (LOW.tolist(), 1000), (HIGH.tolist(), 443)
    ends = [(row[end].tolist(), row[f"{end}_port"]) for end in ("source", "destination")]
    assert ends == ([low, high] if forward_is_low else [high, low])
    assert row["total_packets"].tolist() == [3, 7] or row["total_packets"].tolist() == [
        4,
        6,
    ]
    assert (row["id"], row["slot"], row["family"], row["rtt_ns"]) == (9, 3, 4, 77)
    assert row["packets"].tolist() == [0, 0]


@pytest.mark.parametrize("forward_is_low", [True, False])
def test_a_row_knows_the_key_it_came_from(forward_is_low: bool):
    rows = reader.rows(key(), record(forward_is_low))
    assert reader.keys_of(rows, layout.KEY).tobytes() == key().tobytes()


@given(st.integers(0, 2**32 - 1))
def test_any_keys_come_back(seed: int):
    chance = np.random.default_rng(seed)
    keys = np.frombuffer(chance.bytes(5 * layout.KEY.itemsize), layout.KEY)
    records = np.zeros(5, layout.RECORD)
    records["state"] = chance.integers(0, 32, 5)
    found = reader.keys_of(reader.rows(keys, records), layout.KEY)
    assert found.tobytes() == keys.tobytes()


def test_a_hash_leaves_out_the_interface_and_nothing_else():
    one, elsewhere = key(3), key(4)
    assert reader.tuple_hash(one) == reader.tuple_hash(elsewhere)
    for name, value in (("low_port", 1001), ("protocol", 17), ("family", 6)):
        other = key()
        other[name] = value
        assert reader.tuple_hash(other) != reader.tuple_hash(one), name
    assert len(reader.tuple_hash(np.zeros(0, layout.KEY))) == 0


def test_no_flows_are_no_rows():
    found = reader.rows(np.zeros(0, layout.KEY), np.zeros(0, layout.RECORD))
    assert (found.dtype, len(found)) == (FLOW_DELTA, 0)
    assert len(reader.closed_rows(np.zeros(4, layout.CLOSING))) == 0


def test_only_closed_entries_give_rows_with_their_reason():
    entries = np.zeros(4, layout.CLOSING)
    entries["status"] = [
        0, layout.CLOSING_ASKED, layout.CLOSING_DONE, layout.CLOSING_GONE
    ]  # fmt: skip
    entries["reason"] = [1, 2, 3, 4]
    entries["record"]["id"] = [1, 2, 3, 4]
    found = reader.closed_rows(entries)
    assert found["id"].tolist() == [3]
    assert found["ending"].tolist() == [3]


def test_outcomes_add_up_what_ended_and_what_lives():
    raw = np.zeros((layout.SLOTS, layout.HOOKS), layout.COUNTERS)
    raw["seen"][3, 0] = (10, 20, 30)
    raw["ended"][3, 0] = (1, 2, 3)
    raw["overflow"][3, 0] = (1, 1, 1)  # for every protocol
    live = np.zeros((layout.SLOTS, layout.HOOKS, 3), np.uint64)
    live[3, 0] = (4, 5, 6)
    found = reader.counters(raw, live)
    assert found.seen[3, 0].tolist() == [10, 20, 30]
    assert found.flows[3, 0].tolist() == [5, 7, 9]
    kinds = raw["overflow"].shape[2]
    assert found.overflow[3, 0].tolist() == [kinds] * 3
    assert found.seen[4].sum() == found.flows[4].sum() == 0
    assert reader.ended(raw)[3, 0].tolist() == [1, 2, 3]


def test_a_bookmark_keeps_every_count():
    counted = Counters.none()
    for number, array in enumerate(counted.arrays()):
        array[...] = np.arange(array.size, dtype=np.uint64).reshape(array.shape) + number
    counted.seen[0, 0, 0] = 2**64 - 1
    bookmark = np.zeros(1, layout.BOOKMARK)
    reader.write_counters(bookmark, counted)
    found = reader.read_counters(bookmark[0])
    for before, after in zip(counted.arrays(), found.arrays(), strict=True):
        assert (before == after).all()
