"""The heaviest flows, whatever the folds they came in."""

from __future__ import annotations

import numpy as np

from agent.sketch import heavy
from agent.sketch.flowtable import FlowTable
from tests.agent.sketch.deltas import LINK, delta, rows


def table(*deltas):
    made = FlowTable()
    made.add(rows(*deltas))
    return made


def sized(number, size, **said):
    return delta(
        "10.0.0.2", "192.0.2.1", id=number, sport=number, sent=size, received=0, **said
    )


def test_folds_of_one_flow_join():
    kept = heavy.heaviest(heavy.none(), table(sized(1, 50), sized(2, 60)), 2)
    kept = heavy.heaviest(kept, table(sized(1, 20, last_ns=2**62, kind="video")), 2)
    found = heavy.report(kept, 2, {LINK.slot: 3})
    assert found["bytes_forward"].tolist() == [70, 60]
    assert found["source_port"].tolist() == [1, 2]
    assert found["class"][0] == 2
    assert found["interface"].tolist() == [3, 3]


def test_classes_of_one_flow_join_within_a_fold():
    kept = heavy.heaviest(heavy.none(), table(sized(1, 5), sized(1, 6, kind="voice")), 9)
    assert heavy.report(kept, 9, {})["bytes_forward"].tolist() == [11]


def test_silent_flows_and_no_room_give_nothing():
    kept = heavy.heaviest(heavy.none(), table(sized(1, 0)), 5)
    assert len(heavy.report(kept, 5, {})) == 0
    kept = heavy.heaviest(heavy.none(), table(sized(1, 9)), 0)
    assert len(heavy.report(kept, 0, {})) == 0


def test_candidates_are_bounded():
    many = table(*(sized(number + 1, number + 1) for number in range(500)))
    kept = heavy.heaviest(heavy.none(), many, 10)
    assert len(kept) == 40
    assert heavy.report(kept, 10, {})["bytes_forward"].tolist() == list(range(500, 490, -1))
    assert np.array_equal(
        heavy.heaviest(kept, many, 10)["record"]["bytes_forward"],
        2 * kept["record"]["bytes_forward"],
    )
