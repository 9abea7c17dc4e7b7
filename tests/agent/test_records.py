"""The agent's vocabulary against the wire's, and counts of nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from agent.capture import layout
from agent.records import (
    CLASS_NAMES,
    FLOW_DELTA,
    HOOKS,
    UNITS,
    Counters,
    Ending,
    Outputs,
    Tick,
)
from wire import schema


def test_names_are_the_wires():
    assert CLASS_NAMES == schema.CLASS_NAMES
    assert len(HOOKS) == layout.HOOKS
    fields = [field.name for field in dataclasses.fields(Counters)]
    assert tuple(fields[:-1]) == schema.VOLUME_NAMES == layout.OUTCOMES


@pytest.mark.parametrize("slots", [0, 1, 64])
def test_nothing_counted_has_the_shapes_of_everything(slots: int):
    none = Counters.none(slots)
    assert len(none.arrays()) == len(dataclasses.fields(Counters))
    for array in none.arrays():
        assert (array.dtype, array.sum()) == (np.uint64, 0)
        assert array.shape[:2] == (slots, len(HOOKS))
    assert none.by_class.shape[2:] == (layout.CLASSES, len(UNITS))
    assert none.seen.shape[2:] == (len(UNITS),)


def test_arrays_are_the_fields_themselves_in_their_order():
    none = Counters.none(2)
    none.arrays()[2][1, 0, 0] = 7
    assert none.overflow[1, 0, 0] == 7
    assert Counters.none(2).overflow.sum() == 0


def test_a_row_without_gaps_is_what_walks_fill():
    offsets = [FLOW_DELTA.fields[name][1] for name in FLOW_DELTA.names]
    sizes = [FLOW_DELTA.fields[name][0].itemsize for name in FLOW_DELTA.names]
    assert offsets == [sum(sizes[:place]) for place in range(len(sizes))]
    assert FLOW_DELTA.itemsize % 8 == 0


def test_endings_are_numbered_as_the_kernel_has_them():
    assert [int(ending) for ending in Ending] == list(range(len(Ending)))
    assert Ending(0) is Ending.OPEN


def test_a_plain_tick_closes_nothing_and_no_output_is_none():
    tick = Tick(1, 2)
    assert (tick.closing, tick.final, dict(tick.health)) == (False, False, {})
    assert Outputs() == Outputs(None, ())
