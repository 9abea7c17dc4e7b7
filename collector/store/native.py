"""Columns to ClickHouse's Native format, one block: what every insert sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

NUMBERS: Final = {
    "UInt8": "<u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Int64": "<i8",
    "Float64": "<f8",
    "DateTime64(3, 'UTC')": "<i8",
}
"""SQL type to numpy's; a time is milliseconds since 1970."""


def encode(
    schema: Sequence[tuple[str, str]], columns: Mapping[str, Sequence[Any]], count: int
) -> bytes:
    """Return one Native block of count rows.

    schema holds (name, SQL type) in order; every column must have count values.
    Raises ValueError or OverflowError on a value that its type cannot hold.
    """
    parts = [varint(len(schema)), varint(count)]
    for name, sql_type in schema:
        values = columns[name]
        if len(values) != count:
            raise ValueError(f"{name}: {len(values)} values for {count} rows")
        sent = "String" if sql_type == "LowCardinality(String)" else sql_type
        parts += [text(name), text(sent), encode_column(sent, values)]
    return b"".join(parts)


def encode_column(sql_type: str, values: Sequence[Any]) -> bytes:
    """Return one column's bytes. An Array is its end offsets, then all its values."""
    if sql_type in NUMBERS:
        return numbers(values, NUMBERS[sql_type])
    if sql_type == "String":
        return b"".join(map(text, values))
    if sql_type == "IPv6":
        return addresses(values)
    if sql_type.startswith("Array("):
        ends = np.cumsum([len(value) for value in values], dtype="<u8").tobytes()
        return ends + encode_column(sql_type[6:-1], list(chain.from_iterable(values)))
    raise ValueError(f"no encoding for {sql_type}")


def numbers(values: Sequence[Any], dtype: str) -> bytes:
    """Return packed little-endian numbers, refusing what does not fit."""
    array: Any = values
    if isinstance(array, np.ndarray):
        return array.astype(dtype, casting="same_kind").tobytes()
    return np.array(values, dtype=dtype).tobytes()


def addresses(values: Sequence[bytes]) -> bytes:
    """Return 16-byte addresses, joined."""
    joined = b"".join(values)
    if len(joined) != 16 * len(values):
        raise ValueError("an address is not 16 bytes long")
    return joined


def text(value: str | bytes) -> bytes:
    """Return a length and the bytes."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    return varint(len(data)) + data


def varint(number: int) -> bytes:
    """Return an unsigned LEB128 number."""
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
