"""The spool's files: frames end to end, written once, removed as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.ship import parcel as parcels
from agent.ship.parcel import Parcel
from wire import frame
from wire.errors import Malformed

_SUFFIX: Final = ".segment"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parcel lies, and what must be known of it without reading it again."""

    segment: int
    offset: int
    length: int  # bytes of the whole frame
    boot: bytes
    sequence: int
    endpoints: int
    created_ns: int

    @property
    def start(self) -> tuple[int, int]:
        """Return the position of its first byte."""
        return self.segment, self.offset

    @property
    def end(self) -> tuple[int, int]:
        """Return the position right behind it."""
        return self.segment, self.offset + self.length


def scan(data: bytes, segment: int) -> Iterator[Place]:
    """Yield the place of every whole parcel, whatever lies between them.

    A parcel that was written whole is found, even behind damage: the search goes on at the
    next magic word.
    """
    offset = data.find(frame.MAGIC)
    while offset >= 0:
        following = offset + 1
        try:
            found = frame.unframe(data, offset)
            if found is not None:
                yield _place(parcels.read(found[0]), segment, offset, found[1] - offset)
                following = found[1]
        except Malformed:
            pass  # The caller counts bytes that no place covers.
        offset = data.find(frame.MAGIC, following)


class Segments:
    """All segments of a directory; only one made by this process is ever written to.

    Methods raise OSError as the system gives it; a failed write leaves no trace.
    """

    def __init__(self, directory: Path, segment_bytes: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._sizes: dict[int, int] = {}  # segment -> bytes on disk, oldest first
        self._writer = -1  # descriptor of the newest segment, -1: none is open

    def open(self) -> tuple[list[Place], int]:
        """Return the places of all parcels, in order, and the bytes that are none.

        Torn tails are cut off.
        """
        found: list[Place] = []
        damaged_bytes = 0
        for path in sorted(self._directory.glob("*" + _SUFFIX)):
            number = int(path.name.removesuffix(_SUFFIX), 16)
            data = path.read_bytes()
            places = list(scan(data, number))
            damaged_bytes += len(data) - sum(place.length for place in places)
            self._sizes[number] = places[-1].end[1] if places else 0
            if self._sizes[number] < len(data):
                os.truncate(path, self._sizes[number])
            found += places
        return found, damaged_bytes

    def size_bytes(self) -> int:
        """Return the bytes on disk."""
        return sum(self._sizes.values())

    def write(self, parcel: Parcel, data: bytes, beyond: int) -> Place:
        """Put data, the parcel's frame, on the disk and return its place.

        A new segment gets a number greater than beyond.
        """
        if self._writer < 0 or self._sizes[self._newest()] >= self._segment_bytes:
            self._start(beyond)
        number = self._newest()
        offset = self._sizes[number]
        try:
            view = memoryview(data)
            while view:
                view = view[os.pwrite(self._writer, view, offset + len(data) - len(view)) :]
            os.fdatasync(self._writer)
        except OSError:
            self._take_back(number, offset)
            raise
        self._sizes[number] = offset + len(data)
        return _place(parcel, number, offset, len(data))

    def read(self, place: Place) -> bytes:
        """Return the content of a parcel's frame. Raises Malformed, too."""
        descriptor = os.open(self._path(place.segment), os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = frame.unframe(os.pread(descriptor, place.length, place.offset))
        finally:
            os.close(descriptor)
        if found is None:
            raise Malformed("a parcel is cut off")
        return found[0]

    def oldest(self) -> int:
        """Return the oldest segment's number. There must be one."""
        return next(iter(self._sizes))

    def remove_before(self, first: int | None) -> None:
        """Remove segments older than first, None: all; never the one written to."""
        for number in list(self._sizes):
            if number == first or (self._writer >= 0 and number == self._newest()):
                return
            self._remove(number)

    def remove_oldest(self) -> None:
        """Remove the oldest segment, even when it is written to."""
        if len(self._sizes) == 1:
            self.seal()
        self._remove(self.oldest())

    def seal(self) -> None:
        """Let the next parcel start a new segment."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def _start(self, beyond: int) -> None:
        self.seal()
        number = max([beyond, *self._sizes]) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._writer = os.open(self._path(number), flags, 0o600)
        self._sizes[number] = 0
        sync_directory(self._directory)

    def _take_back(self, number: int, offset: int) -> None:
        """Undo a write that failed, and trust that file no further."""
        try:
            os.ftruncate(self._writer, offset)
        except OSError:
            pass  # Reading skips what is torn, and the later of two with one name wins.
        finally:
            self.seal()
        if offset == 0:
            self._remove(number)

    def _remove(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        del self._sizes[number]

    def _newest(self) -> int:
        return next(reversed(self._sizes))

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016x}{_SUFFIX}"


def sync_directory(directory: Path) -> None:
    """Make the names of new files survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(item: Parcel, segment: int, offset: int, length: int) -> Place:
    return Place(
        segment, offset, length, item.boot, item.sequence, item.endpoints, item.created_ns
    )
