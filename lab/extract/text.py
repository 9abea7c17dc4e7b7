"""Columns to CSV lines, in C: kinds of cells and the call that writes them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from lab.extract.engine import load

CELL_BYTES: Final = 128  # native/csv_column.h
ROOM_BYTES: Final = 1 << 20
"""Text buffer: several hundred rows of the longest cells."""


class Kind(IntEnum):
    """How a cell is written (native/csv_column.h, enum weir_column_kind)."""

    INTEGER = 0
    REAL = 1
    JAVA = 2
    ADDRESS = 3
    TIME = 4
    TIME_12H = 5
    TIME_ISO = 6
    TEXT = 7
    FLOW = 8
    JAVA_OR_0 = 9
    TIME_DAY = 10
    JAVA_OR_MINUS = 11


@dataclass(frozen=True, slots=True)
class Cells:
    """One column's cells and how they are written. TEXT: values index into texts."""

    kind: Kind
    values: npt.NDArray[np.generic]
    texts: tuple[str, ...] = ()


Table = Mapping[str, Cells]
"""Columns by name, all of one length."""


def whole(values: npt.NDArray[np.generic]) -> Cells:
    """An integer column."""
    return Cells(Kind.INTEGER, values.astype(np.int64, copy=False))


def real(values: npt.NDArray[np.generic]) -> Cells:
    """A column of at most six decimals."""
    return Cells(Kind.REAL, values.astype(np.float64, copy=False))


def constant(text: str, count: int) -> Cells:
    """The same text in every row."""
    return Cells(Kind.TEXT, np.zeros(count, np.int64), (text,))


def cell(text: str) -> str:
    """Text as one CSV cell: quoted where it must be."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def bounded(text: str) -> bytes:
    """A cell of at most CELL_BYTES; what is cut off is text, never a closing quote."""
    data = cell(text).encode()
    while len(data) > CELL_BYTES:
        text = text[: len(text) - max(1, (len(data) - CELL_BYTES) // 4)]
        data = cell(text).encode()
    return data


class _Column(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
        ("stride", ctypes.c_int64),
        ("texts", ctypes.POINTER(ctypes.c_char_p)),
    )


class Writer:
    """Lines of tables, through one buffer that is used again."""

    def __init__(self) -> None:
        self._library = load()
        self._room = ctypes.create_string_buffer(ROOM_BYTES)

    def lines(self, columns: Sequence[Cells]) -> Iterator[bytes]:
        """CSV lines of the columns, in pieces of whole lines."""
        rows = len(columns[0].values) if columns else 0
        raw = (_Column * len(columns))()
        kept: list[object] = []
        for at, column in enumerate(columns):
            values = column.values
            if column.kind in (Kind.REAL, Kind.JAVA, Kind.JAVA_OR_0, Kind.JAVA_OR_MINUS):
                values = values.astype(np.float64, copy=False)
            elif values.dtype.fields is None and values.ndim == 1:
                values = values.astype(np.int64, copy=False)
            texts = (ctypes.c_char_p * max(1, len(column.texts)))(
                *(bounded(text) for text in column.texts)
            )
            kept += [values, texts]
            raw[at] = _Column(column.kind, 0, values.ctypes.data, values.strides[0], texts)
        first, used = 0, ctypes.c_uint64()
        while first < rows:
            first += self._library.weir_csv(
                raw, len(columns), first, rows, self._room, ROOM_BYTES, ctypes.byref(used)
            )
            yield ctypes.string_at(self._room, used.value)
        kept.clear()


def header(names: Sequence[str]) -> bytes:
    """The first line."""
    return (",".join(cell(name) for name in names) + "\n").encode()
