"""What packet programs are told: room for everything, numbers that cannot be mistaken."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture import orders
from agent.records import CLASS_NAMES

DTYPES = {
    name: value for name, value in vars(orders).items() if isinstance(value, np.dtype)
}


@pytest.mark.parametrize("name", DTYPES)
def test_every_byte_has_a_name(name: str):
    dtype = DTYPES[name]
    assert dtype.names is not None
    assert dtype.fields is not None
    sizes = [dtype.fields[field][0].itemsize for field in dtype.names]
    offsets = [dtype.fields[field][1] for field in dtype.names]
    assert offsets == [sum(sizes[:place]) for place in range(len(sizes))]
    assert dtype.itemsize == sum(sizes)
    assert dtype.itemsize % 2 == 0


def test_there_is_room():
    assert len(CLASS_NAMES) <= orders.CLASSES
    assert orders.FILTER["tests"].shape == (orders.TESTS,)
    assert orders.NO_PORT > 65535
    assert orders.TESTS < orders.FILTER_TAKE < orders.FILTER_REFUSE <= 255


def test_marks_are_no_class_and_no_limit():
    for mark in (orders.CLASS_KEEP, orders.DROP):
        assert mark >= max(orders.CLASSES, orders.LIMITS)
    assert orders.END_SOURCE & orders.END_OTHER == 0
    assert orders.DEAD_BASELINE != orders.DEAD_UNSHAPED
    kinds = {orders.TEST_FAMILY, orders.TEST_PROTOCOL, orders.TEST_NET, orders.TEST_PORT}
    assert kinds == {1, 2, 3, 4}
