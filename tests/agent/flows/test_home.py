"""Who counts when several interfaces see the same flow."""

import numpy as np

from agent.flows.table import Known, merge
from agent.records import FLOW_DELTA, Ending

NOTHING = np.zeros(0, FLOW_DELTA)


def rows(*flows):
    out = np.zeros(len(flows), FLOW_DELTA)
    for row, (identity, shared, slot, first_ns) in zip(out, flows, strict=True):
        row["id"], row["tuple"], row["slot"] = identity, shared, slot
        row["first_ns"] = first_ns
        row["total_packets"] = (int(row["total_packets"][0]) + 1, 0)
    return out


def more(array):
    out = array.copy()
    out["total_packets"] += np.uint64(1)
    return out


def homes(merged):
    return {int(d["id"]): bool(d["home"]) for d in merged.deltas}


LAN, WAN = 0, 1


def test_one_interface_is_every_flows_home():
    merged = merge(Known(), rows((1, 50, LAN, 9), (2, 51, LAN, 3)), NOTHING, 0)
    assert homes(merged) == {1: True, 2: True}


def test_the_interface_that_saw_it_first_is_home():
    merged = merge(
        Known(), rows((1, 50, LAN, 9), (2, 50, WAN, 3), (3, 51, WAN, 4)), NOTHING, 0
    )
    assert homes(merged) == {1: False, 2: True, 3: True}


def test_a_tie_goes_to_the_lowest_slot():
    merged = merge(
        Known(), rows((1, 50, WAN, 9), (2, 50, LAN, 9), (3, 7, WAN, 1)), NOTHING, 0
    )
    assert homes(merged) == {1: False, 2: True, 3: True}


def test_home_stays_home_when_an_older_sighting_turns_up():
    first = merge(Known(), rows((1, 50, LAN, 9), (3, 51, WAN, 9)), NOTHING, 0)
    second = merge(
        first.known,
        np.concatenate(
            (more(rows((1, 50, LAN, 9), (3, 51, WAN, 9))), rows((2, 50, WAN, 1)))
        ),
        NOTHING,
        0,
    )
    assert homes(second) == {1: True, 2: False, 3: True}


def test_the_other_interface_takes_over_after_the_home_ended_and_not_before():
    both = rows((1, 50, LAN, 1), (2, 50, WAN, 2))
    first = merge(Known(), both, NOTHING, 0)
    last_word = more(both[:1])
    last_word["ending"] = Ending.ACTIVE_TIMEOUT
    second = merge(first.known, more(both[1:]), last_word, 0)
    assert homes(second) == {1: True, 2: False}

    other = rows((9, 99, LAN, 1))
    third = merge(second.known, np.concatenate((more(more(both[1:])), other)), NOTHING, 0)
    assert homes(third) == {2: True, 9: True}
