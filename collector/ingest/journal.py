"""The write-ahead journal: what has been acknowledged but is not in the store yet.

A segment is a file of frames: length u32, CRC-32 u32 (little endian), then the entry.
A frame whose CRC fails was never acknowledged: it ends its segment.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from collector.records import Position

HEAD: Final = struct.Struct("<II")
SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""A segment is deleted whole, so a small one frees disk early."""
PROBE_BYTES: Final = 1024 * 1024
"""Ten large uploads: with less room than that, most would be turned away."""
ENTRY_BYTES_MAX: Final = 512 * 1024 * 1024
"""Longer lengths are damage, not entries: request bodies end at 256 MiB."""


class JournalError(Exception):
    """The journal cannot be written; the text says why."""


class Journal:
    """Appends groups of entries durably; one thread writes."""

    def __init__(self, folder: Path, applied: Position) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._number = max([applied.segment, *self.segments()]) + 1
        self._file: int | None = None
        self._offset = 0

    def segments(self) -> list[int]:
        """Return the numbers of the files there are, oldest first."""
        return sorted(int(path.stem) for path in self._folder.glob("[0-9]*.wal"))

    def path(self, number: int) -> Path:
        """Return the file of a segment."""
        return self._folder / f"{number:012d}.wal"

    def append(self, entries: Sequence[bytes]) -> list[Position]:
        """Write entries and wait until the disk has them; return the place behind each.

        Raises JournalError, and then none of them will ever be read back.
        """
        start = 0 if self._is_at_end() else self._offset
        try:
            if self._is_at_end():
                self._roll()
            frames, positions = [], []
            offset = start
            for entry in entries:
                frames += [HEAD.pack(len(entry), zlib.crc32(entry)), entry]
                offset += HEAD.size + len(entry)
                positions.append(Position(self._number, offset))
            write_all(self._opened(), b"".join(frames), start)
            os.fdatasync(self._opened())
        except OSError as error:
            self._abandon(start)
            raise JournalError(f"{self.path(self._number)}: {error.strerror}") from error
        self._offset = offset
        return positions

    def _is_at_end(self) -> bool:
        return self._file is None or self._offset >= SEGMENT_BYTES

    def _opened(self) -> int:
        if self._file is None:
            raise JournalError(f"{self._folder}: no open segment")
        return self._file

    def _roll(self) -> None:
        """Begin the next segment; its name is durable before any frame is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._number += 1
        flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(self.path(self._number), flags, 0o600)
        self._offset = 0
        sync_folder(self._folder)

    def _abandon(self, start: int) -> None:
        """Cut off a group that failed, and write no more into a file that has failed."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, start)
            os.fdatasync(self._file)
        except OSError:
            pass  # Replay drops what repeats an id, so a group left behind is harmless.
        finally:
            os.close(self._file)
            self._file = None
            self._number += 1

    def probe(self) -> None:
        """Find out whether the disk would take a group. Raises JournalError."""
        path = self._folder / "probe"
        try:
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, PROBE_BYTES)
                os.fdatasync(file)
            finally:
                os.close(file)
                path.unlink()
        except OSError as error:
            raise JournalError(f"{self._folder}: {error.strerror}") from error

    def read(self, position: Position, size: int) -> bytes:
        """Return the entry of that size that ends there. Raises JournalError."""
        path = self.path(position.segment)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                head = position.offset - size - HEAD.size
                data = os.pread(file, HEAD.size + size, head)
            finally:
                os.close(file)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        for _, entry in frames_of(data, 0):
            return entry
        raise JournalError(f"{path}: damaged before byte {position.offset}")

    def release(self, applied: Position) -> None:
        """Delete segments that the store has in full."""
        for number in self.segments():
            if number < applied.segment or (
                number == applied.segment and self._finished(applied)
            ):
                self.path(number).unlink(missing_ok=True)

    def _finished(self, applied: Position) -> bool:
        """Tell whether a segment takes no more entries and has none beyond applied."""
        still_written = applied.segment == self._number and self._file is not None
        return (
            not still_written
            and self.path(applied.segment).stat().st_size <= applied.offset
        )

    def replay(self, applied: Position) -> Iterator[tuple[Position, bytes]]:
        """Yield (place behind it, entry) of all whole entries behind applied."""
        for number in self.segments():
            if number < applied.segment or number >= self._number:
                continue
            data = self.path(number).read_bytes()
            offset = applied.offset if number == applied.segment else 0
            for end, entry in frames_of(data, offset):
                yield Position(number, end), entry

    def close(self) -> None:
        """Close the open segment."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def frames_of(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield (end offset, entry) until the data ends or a frame is not whole."""
    while offset + HEAD.size <= len(data):
        length, crc = HEAD.unpack_from(data, offset)
        end = offset + HEAD.size + length
        entry = data[offset + HEAD.size : end]
        # No entry is empty: zeros are a file that grew before its data came.
        is_sound = 0 < length <= ENTRY_BYTES_MAX and end <= len(data)
        if not is_sound or zlib.crc32(entry) != crc:
            return
        yield end, entry
        offset = end


def write_all(file: int, data: bytes, offset: int) -> None:
    """Write every byte at an offset, however many calls the kernel needs."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
