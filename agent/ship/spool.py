"""Batches on disk until the collector has them: append-only, bounded, crash-safe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.reports import SpoolState
from agent.ship import parcel as parcels
from agent.ship.mark import Mark, MarkFile
from agent.ship.parcel import Parcel
from agent.ship.quarantine import Quarantine
from agent.ship.segment import Place, Segments
from wire.errors import Malformed

SEGMENT_BYTES_MAX: Final = 4 << 20
"""A full spool drops a segment at once: this much, or 1/16 of it if that is less."""
QUARANTINE_SHARE: Final = 8
"""Parcels set aside may take one part in so many of the spool's bytes, on top of them."""


class SpoolError(Exception):
    """The spool cannot do what was asked; one line with the reason. Nothing was changed."""


class AppendRefused(SpoolError):
    """A batch is not on disk. The caller keeps its interval open and tries again later."""


class Spool:
    """Parcels in order. Safe to use from several threads; one process at a time."""

    def __init__(self, directory: Path, max_bytes: int, max_age_ns: int) -> None:
        """Open or make the spool in a directory. Raises SpoolError."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_ns = max_age_ns
        self._lock = threading.Lock()
        self._queue: deque[Place] = deque()
        self._lent: Place | None = None  # what `oldest` gave out last
        self._lent_dropped = False
        self._state = SpoolState()
        self._segments = Segments(directory, min(SEGMENT_BYTES_MAX, max_bytes // 16))
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._guard = self._only_user()
            self._quarantine = Quarantine(
                directory / "quarantine", max_bytes // QUARANTINE_SHARE
            )
            self._mark = MarkFile(directory / "mark")
            self._recall()
        except OSError as error:
            raise SpoolError(f"{directory}: {error.strerror}: see to data_dir") from error

    def append(self, parcel: Parcel, now_ns: int) -> None:
        """Put a parcel at the end; it survives a power cut once this returns.

        Drops the oldest ones where age or size asks for it. Raises AppendRefused;
        ValueError when the sequence of this boot does not grow.
        """
        data = parcels.write(parcel)
        with self._lock:
            if parcel.sequence <= self._last_sequence(parcel.boot):
                raise ValueError(f"sequence {parcel.sequence} has been used in this boot")
            if len(data) > self._max_bytes:
                self._count(refused_batches=1)
                raise AppendRefused(f"a batch of {len(data)} bytes: raise buffer_mb")
            try:
                self._expire(now_ns)
                self._make_room(len(data))
                place = self._segments.write(parcel, data, self._last_end[0])
            except OSError as error:
                self._count(refused_batches=1)
                raise AppendRefused(
                    f"{self._directory}: {error.strerror}: free some space on that disk"
                ) from error
            self._queue.append(place)
            self._note_last(place)
            self._count(appended_batches=1)
            # Only a help: the next process finds the parcel itself, unless it is damaged.
            with contextlib.suppress(OSError):
                self._remember(self._mark.mark.done)

    def oldest(self) -> Parcel | None:
        """Return the parcel that waits longest, None when there is none.

        It stays until `acknowledge` or `set_aside`; asking again says it was not delivered.
        Raises SpoolError.
        """
        with self._lock:
            try:
                self._settle_lent(delivered=False)
                return self._lend()
            except OSError as error:
                raise SpoolError(f"{self._directory}: {error.strerror}") from error

    def acknowledge(self) -> None:
        """Forget the parcel that `oldest` returned: the collector has committed it.

        Raises SpoolError; the parcel may then be returned again.
        """
        with self._lock:
            try:
                self._settle_lent(delivered=True)
            except OSError as error:
                raise SpoolError(f"{self._directory}: {error.strerror}") from error

    def set_aside(self) -> None:
        """Move the parcel that `oldest` returned into quarantine: nobody takes it.

        Raises SpoolError when the disk does not; the parcel then stays first.
        """
        with self._lock:
            place = self._lent
            if place is None or self._lent_dropped:
                return
            try:
                for size in self._quarantine.add(place, self._segments.read(place)):
                    self._count(dropped_batches=1, dropped_bytes=size)
                self._count(quarantined_batches=1)
                self._settle_lent(delivered=True)
            except (OSError, Malformed) as error:
                raise SpoolError(f"{self._directory}: {error}") from error

    def last_sequence(self, boot: bytes) -> int:
        """Return the highest sequence of the newest boot that was ever kept here, else 0.

        True after any crash, whether its parcels still wait, were delivered or dropped.
        """
        with self._lock:
            return self._last_sequence(boot)

    def state(self) -> SpoolState:
        """Return counts for the metrics."""
        with self._lock:
            return replace(
                self._state,
                batches=len(self._queue),
                endpoints=sum(place.endpoints for place in self._queue),
                bytes=sum(place.length for place in self._queue),
                disk_bytes=self._segments.size_bytes() + self._quarantine.size_bytes(),
                oldest_ns=self._queue[0].created_ns if self._queue else 0,
            )

    def close(self) -> None:
        """Give the files back."""
        with self._lock:
            self._segments.seal()
            self._mark.close()
            os.close(self._guard)

    def _only_user(self) -> int:
        guard = os.open(
            self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(guard)
            raise SpoolError(
                f"{self._directory}: in use: stop the other agent, or set another data_dir"
            ) from None
        return guard

    def _recall(self) -> None:
        """Take up what an earlier process left."""
        places, damaged_bytes = self._segments.open()
        self._count(damaged_bytes=damaged_bytes)
        mark = self._mark.mark
        self._last = (mark.last_boot, mark.last_sequence)
        self._last_end = mark.last_end
        if places and places[-1].end > mark.last_end:
            self._note_last(places[-1])
        # Two of one name: the first is a write that failed and could not be taken back.
        by_name = {(place.boot, place.sequence): place for place in places}
        self._queue.extend(place for place in by_name.values() if place.start >= mark.done)
        self._remember(mark.done)
        self._drop_empty_segments()

    def _lend(self) -> Parcel | None:
        while self._queue:
            place = self._queue[0]
            try:
                found = parcels.read(self._segments.read(place))
            except (Malformed, FileNotFoundError):
                self._count(damaged_bytes=place.length)
                self._pass()
                continue
            self._lent = place
            return found
        return None

    def _settle_lent(self, *, delivered: bool) -> None:
        place, self._lent = self._lent, None
        if place is None:
            return
        if not self._lent_dropped:
            if delivered:
                self._pass()
            return
        # It had to make room while it was on its way: only now is it known to be lost.
        self._lent_dropped = False
        if not delivered:
            self._count_dropped(place)

    def _pass(self) -> None:
        """Go on behind the first parcel of the queue."""
        self._remember(self._queue.popleft().end)
        self._drop_empty_segments()

    def _remember(self, done: tuple[int, int]) -> None:
        boot, sequence = self._last
        self._mark.write(Mark(done, boot, sequence, self._last_end))

    def _note_last(self, place: Place) -> None:
        self._last = (place.boot, place.sequence)
        self._last_end = place.end

    def bound(self, max_bytes: int, max_age_ns: int) -> None:
        """Keep as much from the next parcel on."""
        self._max_bytes, self._max_age_ns = max_bytes, max_age_ns

    def _expire(self, now_ns: int) -> None:
        while self._queue and self._queue[0].created_ns < now_ns - self._max_age_ns:
            self._drop_first()

    def _make_room(self, length: int) -> None:
        while self._segments.size_bytes() + length > self._max_bytes:
            oldest = self._segments.oldest()
            while self._queue and self._queue[0].segment == oldest:
                self._drop_first()
            # Passing its last parcel removed it, unless it is the one written to.
            if self._segments.size_bytes() and self._segments.oldest() == oldest:
                self._segments.remove_oldest()

    def _drop_first(self) -> None:
        if self._queue[0] is self._lent:
            self._lent_dropped = True
        else:
            self._count_dropped(self._queue[0])
        self._pass()

    def _drop_empty_segments(self) -> None:
        self._segments.remove_before(self._queue[0].segment if self._queue else None)

    def _last_sequence(self, boot: bytes) -> int:
        return self._last[1] if boot == self._last[0] else 0

    def _count_dropped(self, place: Place) -> None:
        self._count(
            dropped_batches=1,
            dropped_endpoints=place.endpoints,
            dropped_bytes=place.length,
        )

    def _count(self, **more: int) -> None:
        grown = {name: getattr(self._state, name) + n for name, n in more.items()}
        self._state = replace(self._state, **grown)
