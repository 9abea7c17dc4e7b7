"""Files of rows that a crash cannot spoil: written beside, whole lines, then renamed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lab.extract.text import Cells, Kind, Writer, header

Rows = Sequence[tuple[str, Cells]]


class RowFile(Protocol):
    """Where rows go: finish() makes the file appear under its own name."""

    def write(self, rows: Rows) -> None:
        """Append rows; all have the same columns."""

    def finish(self) -> None:
        """Complete: the file takes its name."""

    def abandon(self) -> None:
        """Stop; what is written stays beside, to go on from."""


class Changed(Exception):
    """What was written before is not what would be written now."""


def part_of(path: Path) -> Path:
    """The file's name while it grows."""
    return path.with_name(path.name + ".part")


def trim(path: Path) -> int:
    """Cut a torn last line off; returns the bytes that stay."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - 65_536)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                end = begin + at + 1
                break
            end = begin
        file.truncate(end)
        return end


class CsvFile:
    """CSV with its header once. resume: rows already in the .part are checked, not written.

    The same capture under the same settings gives the same bytes, so going on from a .part
    means comparing with it until it ends.
    """

    def __init__(
        self, path: Path, names: Sequence[str], writer: Writer, resume: bool
    ) -> None:
        self._path, self._part, self._writer = path, part_of(path), writer
        self._known = trim(self._part) if resume and self._part.exists() else 0
        self._file = self._part.open("r+b" if self._known else "wb", buffering=0)
        self._put(header(names))

    def _put(self, data: bytes) -> None:
        if self._known:
            before = self._file.read(min(self._known, len(data)))
            if not data.startswith(before):
                self._file.close()
                raise Changed(
                    f"{self._part}: from other settings; remove it to start again"
                )
            self._known -= len(before)
            data = data[len(before) :]
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]

    def write(self, rows: Rows) -> None:
        """Append rows."""
        for piece in self._writer.lines([cells for _, cells in rows]):
            self._put(piece)

    def finish(self) -> None:
        """Complete: synced, then renamed."""
        self._file.truncate()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Stop; the .part stays."""
        self._file.close()


class ParquetFile:
    """The same rows as Parquet, by pyarrow; a part cannot be gone on from."""

    def __init__(self, path: Path) -> None:
        self._arrow: Any = importlib.import_module("pyarrow")
        self._parquet: Any = importlib.import_module("pyarrow.parquet")
        self._path, self._part = path, part_of(path)
        self._file: Any = None

    def _array(self, cells: Cells) -> Any:
        arrow, values = self._arrow, cells.values
        if cells.kind == Kind.TEXT:
            texts = arrow.array(cells.texts, arrow.string())
            return arrow.DictionaryArray.from_arrays(
                arrow.array(values.astype(np.int32)), texts
            ).cast(arrow.string())
        if cells.kind in (Kind.ADDRESS, Kind.FLOW):
            lines = b"".join(Writer().lines([cells])).decode().splitlines()
            return arrow.array(lines, arrow.string())
        if cells.kind in (Kind.TIME, Kind.TIME_12H, Kind.TIME_ISO, Kind.TIME_DAY):
            return arrow.array(values.astype(np.int64), arrow.timestamp("ns", "UTC"))
        values = np.ascontiguousarray(values)
        if cells.kind == Kind.JAVA_OR_0:
            values = np.nan_to_num(values)
        return arrow.array(values)

    def write(self, rows: Rows) -> None:
        """Append rows as a row group."""
        names, seen = [], set()
        for name, _ in rows:
            names.append(f"{name}.1" if name in seen else name)
            seen.add(name)
        table = self._arrow.table([self._array(cells) for _, cells in rows], names=names)
        if self._file is None:
            self._file = self._parquet.ParquetWriter(
                self._part, table.schema, compression="zstd"
            )
        self._file.write_table(table)

    def finish(self) -> None:
        """Complete: footer written, then renamed."""
        if self._file is None:
            return
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Stop; a Parquet file without its footer is of no use."""
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)
