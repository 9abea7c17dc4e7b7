"""Walk after walk, as a conversation: rows in, deltas out."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.flows.table import Known, merge
from agent.records import FLOW_DELTA, Ending

OFFSET_NS = 1_000_000


def walk(*flows):
    rows = np.zeros(len(flows), FLOW_DELTA)
    for row, (identity, packets, octets) in zip(rows, flows, strict=True):
        row["id"] = row["tuple"] = identity
        row["total_packets"] = packets
        row["total_bytes"] = octets
        row["last_ns"] = 5
    return rows


def ended(*flows):
    rows = walk(*flows)
    rows["ending"] = Ending.FIN
    return rows


def told(deltas):
    return sorted(
        (int(d["id"]), d["packets"].tolist(), d["bytes"].tolist(), bool(d["new"]))
        for d in deltas
    )


NOTHING = walk()


def test_a_new_flow_counts_from_its_first_packet_and_then_by_difference():
    first = merge(Known(), walk((7, (3, 1), (300, 60))), NOTHING, OFFSET_NS)
    assert told(first.deltas) == [(7, [3, 1], [300, 60], True)]

    second = merge(first.known, walk((7, (5, 1), (420, 60))), NOTHING, OFFSET_NS)
    assert told(second.deltas) == [(7, [2, 0], [120, 0], False)]


def test_a_quiet_flow_has_no_delta_but_stays_known():
    first = merge(Known(), walk((7, (3, 1), (300, 60)), (8, (1, 0), (9, 0))), NOTHING, 0)
    second = merge(
        first.known, walk((8, (2, 0), (18, 0)), (7, (3, 1), (300, 60))), NOTHING, 0
    )
    assert told(second.deltas) == [(8, [1, 0], [9, 0], False)]
    assert second.known.id.tolist() == [7, 8]


def test_the_last_word_of_an_ended_flow_counts_once():
    first = merge(Known(), walk((7, (3, 1), (300, 60))), NOTHING, 0)
    second = merge(first.known, NOTHING, ended((7, (4, 1), (360, 60))), 0)
    assert told(second.deltas) == [(7, [1, 0], [60, 0], False)]
    assert not len(second.known.id)


def test_an_ended_flow_without_new_traffic_is_still_told():
    first = merge(Known(), walk((7, (3, 1), (300, 60))), NOTHING, 0)
    second = merge(first.known, NOTHING, ended((7, (3, 1), (300, 60))), 0)
    assert told(second.deltas) == [(7, [0, 0], [0, 0], False)]
    assert second.deltas["ending"].tolist() == [Ending.FIN]


@pytest.mark.parametrize(
    ("offset_ns", "last_ns"), [(OFFSET_NS, OFFSET_NS + 5), (0, 5), (-3, 2), (-9, 0)]
)
def test_times_become_unix_time(offset_ns, last_ns):
    merged = merge(Known(), walk((7, (1, 0), (60, 0))), NOTHING, offset_ns)
    assert merged.deltas["last_ns"].tolist() == [last_ns]


counts = st.lists(
    st.dictionaries(st.integers(1, 20), st.integers(1, 1000), max_size=20), max_size=8
)


@given(counts)
def test_the_sum_of_all_deltas_is_what_was_counted(walks):
    known, totals, reported = Known(), {}, 0
    for grown in walks:
        for identity, more in grown.items():
            totals[identity] = totals.get(identity, 0) + more
        rows = walk(*((i, (n, 0), (n * 10, 0)) for i, n in totals.items()))
        merged = merge(known, rows, NOTHING, 0)
        known = merged.known
        reported += int(merged.deltas["packets"].sum())
    assert reported == sum(totals.values())
