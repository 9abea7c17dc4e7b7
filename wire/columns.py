"""Columns of unsigned integers and of byte strings, as compact byte strings.

A column travels in the narrowest of 1, 2, 4 and 8 bytes an element, as byte planes: the
lowest bytes of all elements first, then the next ones. Planes of small or similar numbers
are runs, which is what makes a compressed batch small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wire import messages
from wire.errors import Malformed
from wire.schema import Field

WIDTHS = (1, 2, 4, 8)


def pack(values: npt.NDArray[Any]) -> bytes:
    """Pack unsigned integers of shape (rows,) or (rows, width), column after column."""
    flat = np.ascontiguousarray(values.T).ravel().astype("<u8")
    if flat.size == 0:
        return b""
    bits = int(flat.max()).bit_length()
    width = next(width for width in WIDTHS if bits <= width * 8)
    return flat.view("u1").reshape(-1, 8)[:, :width].T.tobytes()


def unpack(data: bytes, rows: int, width: int, dtype: str) -> npt.NDArray[Any]:
    """Return an array of dtype, of shape (rows,) or, where width > 1, (rows, width).

    Raises Malformed where the length fits no element size or a value does not fit dtype.
    """
    count = rows * width
    size = len(data) // count if count else 0
    if len(data) != size * count or (count and size not in WIDTHS):
        raise Malformed(f"a column of {count} numbers cannot have {len(data)} bytes")
    planes = np.zeros((count, 8), "u1")
    if count:
        planes[:, :size] = np.frombuffer(data, "u1").reshape(size, count).T
    values = planes.reshape(-1).view("<u8")
    if count and int(values.max()) > np.iinfo(dtype).max:
        raise Malformed(f"a number of a column does not fit {dtype}")
    table = values.astype(dtype)
    return table if width == 1 else np.ascontiguousarray(table.reshape(width, rows).T)


def pack_strings(items: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the column of lengths and all items joined."""
    return pack(np.array([len(item) for item in items], "<u8")), b"".join(items)


def pack_grids(items: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return lengths and items, of equal length or empty, transposed byte by byte.

    First bytes of all items, then the second ones: Count-Min images, zero in the same
    places, come out of a compressor at a third of their size row by row.
    """
    filled = [item for item in items if item]
    if len({len(item) for item in filled}) > 1:
        raise ValueError("grids differ in size")
    size = len(filled[0]) if filled else 0
    rows = np.frombuffer(b"".join(filled), "u1").reshape(len(filled), size)
    return pack(np.array([len(item) for item in items], "<u8")), rows.T.tobytes()


def unpack_grids(lengths: bytes, joined: bytes, rows: int) -> tuple[bytes, ...]:
    """Return what pack_grids took; Malformed where the lengths do not add up."""
    sizes = unpack(lengths, rows, 1, "<u4")
    size, filled = int(sizes.max(initial=0)), np.flatnonzero(sizes)
    if (sizes[filled] != size).any() or size * filled.size != len(joined):
        raise Malformed(f"grids of {len(joined)} bytes do not match their lengths")
    if not filled.size:
        return (b"",) * rows
    table = np.frombuffer(joined, "u1").reshape(size, filled.size).T
    images = iter([row.tobytes() for row in np.ascontiguousarray(table)])
    return tuple(next(images) if present else b"" for present in sizes.tolist())


def unpack_strings(lengths: bytes, joined: bytes, rows: int) -> tuple[bytes, ...]:
    """Return what pack_strings took; Malformed where the lengths do not add up."""
    ends = np.cumsum(unpack(lengths, rows, 1, "<u4"), dtype=np.uint64).tolist()
    if (ends[-1] if ends else 0) != len(joined):
        raise Malformed(f"byte strings of {len(joined)} bytes do not match their lengths")
    return tuple(
        joined[start:end] for start, end in zip([0, *ends][:rows], ends, strict=True)
    )


def pack_table(rows: npt.NDArray[np.void], fields: tuple[Field, ...]) -> dict[str, bytes]:
    """Return the packed column of every field."""
    return {item.name: pack(rows[item.name]) for item in fields}


def unpack_table(
    message: Mapping[str, Any],
    count: int,
    fields: tuple[Field, ...],
    dtype: np.dtype[np.void],
) -> npt.NDArray[np.void]:
    """Return count rows of dtype from a message's columns; Malformed if one is wrong."""
    rows = np.zeros(count, dtype)
    for item in fields:
        data = messages.binary(message, item.name)
        rows[item.name] = unpack(data, count, item.width, item.dtype)
    return rows
