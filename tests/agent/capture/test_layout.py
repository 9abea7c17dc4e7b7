"""The seam as numpy has it; tests/bpf holds it to the programs' own types."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture import layout, orders
from agent.records import FLOW_DELTA, HOOKS, UNITS, Ending
from wire.schema import VOLUME_NAMES

STRUCTURES = [one for one in layout.MAPS.values() if one is not None and one.names]


@pytest.mark.parametrize("dtype", [*STRUCTURES, layout.DIRECTION, layout.PERIODS])
def test_every_byte_has_a_name(dtype: np.dtype[np.void]):
    assert dtype.names is not None
    assert dtype.fields is not None
    at = 0
    for name in dtype.names:
        kind, offset = dtype.fields[name][:2]
        assert offset == at, name
        at += kind.itemsize
        word = kind.base
        if word.names is None and word.kind in "ui":
            assert offset % word.itemsize == 0, f"{name} is not aligned"
    assert dtype.itemsize == at


def test_the_lock_comes_where_the_kernel_wants_it():
    assert layout.RECORD.fields is not None
    kind, offset = layout.RECORD.fields["lock"][:2]
    assert (kind.itemsize, offset % 4) == (4, 0)


def test_what_was_moved_to_orders_is_the_same_thing():
    for name in ("BUCKET", "FILTER", "SHAPING", "MATCH_TABLE", "VOLUME", "CLASSES"):
        assert getattr(layout, name) is getattr(orders, name)


def test_numbers_agree_with_the_vocabulary():
    assert len(HOOKS) == layout.HOOKS
    assert [HOOKS.index("rx"), HOOKS.index("tx")] == [layout.RX, layout.TX]
    assert layout.OUTCOMES == VOLUME_NAMES
    assert layout.VOLUME.names == UNITS
    assert layout.MAPS["samples"] == FLOW_DELTA
    assert {layout.CLOSING_ASKED, layout.CLOSING_DONE, layout.CLOSING_GONE} == {1, 2, 3}
    assert len(Ending) <= 256


@pytest.mark.parametrize("kind", ["STATE_", "INTERFACE_", "SLOT_", "KEY_"])
def test_flags_do_not_overlap(kind: str):
    others = ("INTERFACE_ENTRIES", "KEY_FAMILY")
    found = [
        value
        for name, value in vars(layout).items()
        if name.startswith(kind) and name not in others
    ]
    assert found
    assert all(value & (value - 1) == 0 for value in found)
    assert len(set(found)) == len(found)
