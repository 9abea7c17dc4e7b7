"""Columns come back as they went, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from wire import columns
from wire.errors import Malformed
from wire.schema import ENDPOINT, ENDPOINT_FIELDS

NUMBERS = st.lists(st.integers(0, 2**64 - 1), max_size=30)
SMALL = st.lists(st.integers(0, 255), max_size=30)


@given(st.one_of(NUMBERS, SMALL))
def test_numbers_come_back(numbers):
    values = np.array(numbers, "<u8")
    assert columns.unpack(columns.pack(values), len(numbers), 1, "<u8").tolist() == numbers


@pytest.mark.parametrize(
    ("numbers", "packed"),
    [
        ([], b""),
        ([0, 255], b"\x00\xff"),
        ([1, 256], b"\x01\x00\x00\x01"),
        ([0x010203], b"\x03\x02\x01\x00"),
        ([2**32], b"\0\0\0\0\1\0\0\0"),
    ],
)
def test_the_narrowest_width_in_byte_planes(numbers, packed):
    assert columns.pack(np.array(numbers, "<u8")) == packed


def test_wide_fields_go_column_by_column():
    values = np.array([[1, 2, 3], [4, 5, 6]], "<u8")
    assert columns.pack(values) == bytes([1, 4, 2, 5, 3, 6])
    assert (
        columns.unpack(bytes([1, 4, 2, 5, 3, 6]), 2, 3, "<u8").tolist() == values.tolist()
    )


@pytest.mark.parametrize(
    ("data", "rows", "width", "dtype"),
    [
        (b"abc", 2, 1, "<u8"),
        (b"abc", 1, 1, "<u8"),
        (b"", 1, 1, "<u8"),
        (b"a", 0, 1, "<u8"),
        (b"a" * 16, 1, 1, "<u8"),
        (b"\x00\x01", 1, 1, "u1"),
        (b"\0\0\0\0\1\0\0\0", 1, 1, "<u4"),
    ],
)
def test_columns_of_a_wrong_size_or_range_are_refused(data, rows, width, dtype):
    with pytest.raises(Malformed):
        columns.unpack(data, rows, width, dtype)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_byte_strings_come_back(items):
    assert columns.unpack_strings(*columns.pack_strings(items), len(items)) == tuple(items)


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 50), st.randoms())
def test_grids_come_back(present, size, random):
    items = [random.randbytes(size) if filled else b"" for filled in present]
    assert columns.unpack_grids(*columns.pack_grids(items), len(items)) == tuple(items)


def test_grids_go_first_bytes_first():
    assert columns.pack_grids([b"abc", b"", b"xyz"]) == (b"\3\0\3", b"axbycz")
    with pytest.raises(ValueError, match="differ"):
        columns.pack_grids([b"a", b"bc"])


@pytest.mark.parametrize("unpack", [columns.unpack_strings, columns.unpack_grids])
@pytest.mark.parametrize(
    ("lengths", "joined", "rows"),
    [(b"\2\2", b"abc", 2), (b"\2\1\7", b"abc", 2), (b"", b"a", 0), (b"\xff" * 8, b"", 1)],
)
def test_lengths_that_do_not_add_up_are_refused(unpack, lengths, joined, rows):
    with pytest.raises(Malformed):
        unpack(lengths, joined, rows)


def test_grids_of_two_sizes_are_refused():
    with pytest.raises(Malformed):
        columns.unpack_grids(b"\1\2", b"abc", 2)


def test_a_table_comes_back():
    rows = np.zeros(3, ENDPOINT)
    rows["bytes_in"] = [1, 2**63, 3]
    rows["class_bytes"] = np.arange(21).reshape(3, 7)
    packed = columns.pack_table(rows, ENDPOINT_FIELDS)
    assert np.array_equal(columns.unpack_table(packed, 3, ENDPOINT_FIELDS, ENDPOINT), rows)
    del packed["version"]
    with pytest.raises(Malformed, match="version"):
        columns.unpack_table(packed, 3, ENDPOINT_FIELDS, ENDPOINT)
