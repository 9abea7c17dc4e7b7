"""Cells as they are written, each kind at its edges."""

from __future__ import annotations

import csv
import ctypes
from ipaddress import ip_address

import numpy as np
import pytest

from lab.extract.engine import load
from lab.extract.text import (
    CELL_BYTES,
    Cells,
    Kind,
    Writer,
    _Column,
    cell,
    constant,
    header,
    real,
    whole,
)


def written(*columns: Cells) -> list[str]:
    return b"".join(Writer().lines(columns)).decode().splitlines()


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        (whole(np.array([0, -1, 2**63 - 1, -(2**63)])),
         ["0", "-1", str(2**63 - 1), str(-(2**63))]),
        (real(np.array([0.0, 1.5, -0.25, 1e6, 1 / 3])),
         ["0", "1.5", "-0.25", "1000000", "0.333333"]),
        (Cells(Kind.JAVA, np.array([0.0, 100.0, np.nan, np.inf, -np.inf, 1e7])),
         ["0.0", "100.0", "NaN", "Infinity", "-Infinity", "1.0E7"]),
        (Cells(Kind.JAVA_OR_0, np.array([np.nan, 2.0])), ["0", "2.0"]),
        (Cells(Kind.JAVA_OR_MINUS, np.array([np.nan, 2.0])), ["-1", "2.0"]),
        (Cells(Kind.TIME, np.array([0, 123_456_789])),
         ["1970-01-01 00:00:00.000000", "1970-01-01 00:00:00.123456"]),
        (Cells(Kind.TIME_12H, np.array([0, 43_200 * 10**9])),
         ["01/01/1970 12:00:00 AM", "01/01/1970 12:00:00 PM"]),
        (Cells(Kind.TEXT, np.array([1, 0]), ("a", "b,c")), ["\"b,c\"", "a"]),
    ],
)  # fmt: skip
def test_kinds(cells: Cells, texts: list[str]):
    assert written(cells) == texts


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "fe80::1:0:0:1"]
)
def test_addresses_as_python_writes_them(text: str):
    packed = ip_address(text).packed
    packed = packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
    column = Cells(Kind.ADDRESS, np.frombuffer(packed, "u1").reshape(1, 16))
    assert written(column) == [text]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("", ""), ("plain", "plain"), ("a,b", '"a,b"'), ('say "x"', '"say ""x"""'),
     ("two\nlines", '"two\nlines"'), (" space ", " space ")],
)  # fmt: skip
def test_quoting(text: str, quoted: str):
    assert cell(text) == quoted
    assert header([text, "b"]) == f"{quoted},b\n".encode()


@pytest.mark.parametrize(
    "text", ["x" * 500, "a," * 300, '"' * 300, "é" * 300, "a," + "€" * 200]
)
def test_a_text_longer_than_a_cell_is_cut_to_a_whole_one(text: str):
    (line,) = written(constant(text, 1), whole(np.array([7])))
    ((found, behind),) = csv.reader([line])
    assert behind == "7"
    assert text.startswith(found)
    assert 40 < len(found.encode()) <= 128


def test_more_rows_than_the_buffer_holds_come_in_whole_lines():
    count = 20_000
    columns = [whole(np.arange(count)), constant("y" * 100, count)]
    pieces = list(Writer().lines(columns))
    assert len(pieces) > 1
    assert all(piece.endswith(b"\n") for piece in pieces)
    lines = b"".join(pieces).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == [str(n) for n in range(count)]


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (real(np.array([0.0])), b"0\n"),
        (real(np.array([-1e-9])), b"0\n"),
        (constant("x" * CELL_BYTES, 1), b"x" * CELL_BYTES + b"\n"),
    ],
)
@pytest.mark.parametrize("room", [CELL_BYTES, CELL_BYTES + 1])
def test_no_byte_is_touched_but_the_rooms_own(cells: Cells, text: bytes, room: int):
    buffer = ctypes.create_string_buffer(b"-" * (room + 2), room + 2)
    texts = (ctypes.c_char_p * 1)(*(one.encode() for one in cells.texts))
    column = _Column(cells.kind, 0, cells.values.ctypes.data, 8, texts)
    used = ctypes.c_uint64()
    out = ctypes.byref(buffer, 1)
    rows = load().weir_csv(ctypes.byref(column), 1, 0, 1, out, room, ctypes.byref(used))
    assert buffer.raw[1 : 1 + used.value] == text * rows
    assert (buffer.raw[:1], buffer.raw[-1:]) == (b"-", b"-")
    assert rows == (room > CELL_BYTES)


def test_no_rows_and_no_columns_are_no_lines():
    assert written() == []
    assert written(whole(np.zeros(0))) == []
