"""Which entries of the closing ring are free: those whose batch is on disk."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Ring:
    """Entries are taken in turn and given back batch by batch."""

    entries: int
    _next: int = 0
    _used: int = 0
    _batches: deque[tuple[int, int]] = field(default_factory=deque)  # (sequence, entries)

    @property
    def free(self) -> int:
        """How many flows can be closed before a batch must be."""
        return self.entries - self._used

    def take(self, wanted: int, sequence: int) -> tuple[int, int]:
        """First index and number of entries, in a row, for flows that batch reports."""
        count = min(wanted, self.free, self.entries - self._next)
        first = self._next
        self._next = (self._next + count) % self.entries
        self._used += count
        if count:
            self._batches.append((sequence, count))
        return first, count

    def commit(self, sequence: int) -> None:
        """Give back the entries of every batch up to this one."""
        while self._batches and self._batches[0][0] <= sequence:
            self._used -= self._batches.popleft()[1]

    def adopt(self, first: int, used: int, sequence: int) -> None:
        """Begin after entries that a previous agent left unreported."""
        self._next = (first + used) % self.entries
        self._used = used
        if used:
            self._batches.append((sequence, used))
