"""When what happens, at each speed: a table of moments."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from lab.simulate.flows import FLOW, SECOND_NS, Second
from lab.simulate.timeline import Moment, Pace, moments

BEGAN = 1_000 * SECOND_NS
SOURCE = 50  # when the source's first second begins


def second(number: int, *starts: float) -> Second:
    flows = np.zeros(len(starts), FLOW)
    flows["start_ns"] = np.array(starts) * SECOND_NS
    return Second(number * SECOND_NS, flows)


def told(moment: Moment, zero: int) -> tuple[float, list[float] | None]:
    """Seconds since zero, and those of the flows."""
    at = (moment.at_ns - zero) / SECOND_NS
    if moment.flows is None:
        return at, None
    starts = moment.flows["start_ns"].astype(np.int64) - zero
    return at, (starts / SECOND_NS).tolist()


@pytest.mark.parametrize(
    ("speed", "found"),
    [
        (1, [(1, [0.5]), (1, None), (2, None), (3, [2, 2.75]), (3, None)]),
        (2, [(0.5, [0.25]), (1, None), (1.5, [1, 1.375])]),
        (0.5, [(1, None), (2, [1]), (2, None), (3, None), (4, None), (5, None),
               (6, [4, 5.5])]),
        (10, [(0.1, [0.05]), (0.3, [0.2, 0.275])]),
    ],
)  # fmt: skip
def test_speeds(speed: float, found: list[tuple[float, list[float] | None]]) -> None:
    source = [second(50, 50.5), second(52, 52, 52.75)]
    pace = Pace(speed, BEGAN, SECOND_NS)
    coming = [told(moment, BEGAN) for moment in moments(iter(source), pace, lasting=False)]
    # The tick of a moment that is the last one need not come.
    assert coming in (found, found[:-1])
    assert [at for at, _ in coming] == sorted(at for at, _ in coming)


def test_at_once_times_stay_and_gaps_are_passed_over() -> None:
    source = [second(50, 50.5), second(51, 51.5), second(3600 * 24 * 365, 3600 * 24 * 365)]
    pace = Pace(0, BEGAN, 60 * SECOND_NS)
    coming = [told(moment, 0) for moment in moments(iter(source), pace, lasting=True)]
    year = 3600 * 24 * 365
    assert coming[:2] == [(51, [50.5]), (52, [51.5])]
    assert coming[2] == (110, None)
    assert coming[-1] == (year + 1, [year])
    assert len(coming) < 10
    ticks = [at for at, flows in coming if flows is None]
    assert all((at - 50) % 60 == 0 for at in ticks)
    assert ticks[-1] > year - 60


def test_ticks_last_where_they_are_to() -> None:
    pace = Pace(4, BEGAN, SECOND_NS)
    coming = moments(iter([second(SOURCE, SOURCE)]), pace, lasting=True)
    found = [told(moment, BEGAN) for moment in islice(coming, 4)]
    assert found == [(0.25, [0]), (1, None), (2, None), (3, None)]
    nothing = moments(iter([]), pace, lasting=True)
    assert [told(moment, BEGAN) for moment in islice(nothing, 2)] == [(1, None), (2, None)]
    assert list(moments(iter([]), pace, lasting=False)) == []


def test_a_flow_from_before_the_beginning_is_no_accident() -> None:
    early = second(SOURCE, SOURCE, 2)
    (moment,) = moments(iter([early]), Pace(1, 10 * SECOND_NS, SECOND_NS), lasting=False)
    assert moment.flows is not None
    assert moment.flows["start_ns"].tolist() == [10 * SECOND_NS, 0]


def test_what_the_source_gave_is_not_changed() -> None:
    given = second(SOURCE, SOURCE)
    list(moments(iter([given]), Pace(1, BEGAN, SECOND_NS), lasting=False))
    assert given.flows["start_ns"].tolist() == [SOURCE * SECOND_NS]
