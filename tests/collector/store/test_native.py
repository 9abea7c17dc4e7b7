"""Columns to bytes."""

from __future__ import annotations

import numpy as np
import pytest

from collector.store.native import encode, varint


def test_one_block_byte_by_byte():
    schema = [("a", "UInt16"), ("s", "LowCardinality(String)"), ("l", "Array(UInt8)")]
    columns = {"a": [1, 258], "s": ["x", "yz"], "l": [[1, 2], []]}
    assert encode(schema, columns, 2) == (
        b"\x03\x02"
        b"\x01a\x06UInt16\x01\x00\x02\x01"
        b"\x01s\x06String\x01x\x02yz"
        b"\x01l\x0cArray(UInt8)" + (2).to_bytes(8, "little") * 2 + b"\x01\x02"
    )


@pytest.mark.parametrize(
    ("number", "data"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")],
)
def test_varints(number: int, data: bytes):
    assert varint(number) == data


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("UInt8", [256]),
        ("UInt64", [-1]),
        ("IPv6", [b"short"]),
        ("Date", [1]),
        ("UInt8", [1, 2]),
    ],
)
def test_what_does_not_fit_is_refused(sql_type: str, values: list[object]):
    with pytest.raises((ValueError, OverflowError)):
        encode([("a", sql_type)], {"a": values}, 1)


def test_arrays_go_in_whole():
    data = encode([("a", "UInt64")], {"a": np.array([2**64 - 1], "<u8")}, 1)
    assert data.endswith(b"\xff" * 8)
