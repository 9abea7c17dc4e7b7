"""What an agent that starts finds of the one before it, so that nothing counts twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.capture import reader
from agent.capture.layout import CLOSING_DONE, SLOT_USED
from agent.records import FLOW_DELTA, Counters

Array = npt.NDArray[Any]


class Kernel(Protocol):
    """What recovery reads (agent.capture.loader.kernel)."""

    def bookmarks(self) -> Array:
        """Both bookmarks, layout.BOOKMARK."""

    def reported(self, half: int, count: int, max_flows: int) -> Array:
        """A bookmark's list, layout.REPORTED."""

    def slots(self) -> Array:
        """layout.SLOT of every slot."""

    def counters(self, slots: list[int]) -> Array:
        """layout.COUNTERS by slot and hook."""

    def ring(self, entries: int) -> Iterator[tuple[int, Array]]:
        """Index of a chunk's first entry, and the chunk (layout.CLOSING)."""

    def write_bookmark(
        self, bookmark: Array, reported: Array | None, max_flows: int
    ) -> None:
        """Keep a bookmark."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where the agent before left off."""

    sequence: int  # of the next batch
    reported: Counters
    flows: Array  # layout.REPORTED, sorted by id
    late: Array  # FLOW_DELTA: closed after the last batch on disk
    ring_first: int
    ring_used: int


def recover(kernel: Kernel, last_sequence: int, entries: int, max_flows: int) -> Recovered:
    """Read the bookmark of the last batch on disk and what was closed since.

    last_sequence: of the newest batch of these maps that the spool ever kept, 0: none.
    Where the spool was lost, the newest bookmark counts as reported: nothing twice.
    """
    bookmarks = kernel.bookmarks()
    newest = int(bookmarks["sequence"].max())
    if newest > last_sequence + 1 or not (
        last_sequence == 0 or last_sequence in bookmarks["sequence"].tolist()
    ):
        last_sequence = max(newest, last_sequence)
    half = last_sequence % 2
    bookmark = bookmarks[half : half + 1].copy()
    if int(bookmark["sequence"][0]) != last_sequence or not last_sequence:
        bookmark = np.zeros(1, bookmark.dtype)
    flows = kernel.reported(half, int(bookmark["flows"][0]), max_flows)
    reported = _still_counting(kernel, reader.read_counters(bookmark[0]))
    if last_sequence and int(bookmark["sequence"][0]) == last_sequence:
        reader.write_counters(bookmark, reported)
        kernel.write_bookmark(bookmark, None, max_flows)
    late, first, used = _late(kernel, last_sequence, entries)
    return Recovered(
        last_sequence + 1, reported, flows.take(np.argsort(flows["id"])), late, first, used
    )


def _still_counting(kernel: Kernel, reported: Counters) -> Counters:
    """Counts of slots that have been given back since begin again at zero."""
    slots = kernel.slots()
    used = np.flatnonzero(slots["flags"] & SLOT_USED)
    seen = reader.volumes(kernel.counters(used.tolist())["seen"])
    for slot in range(len(slots)):
        if slot not in used or (seen[slot] < reported.seen[slot]).any():
            for array in reported.arrays():
                array[slot] = 0
    return reported


def _late(kernel: Kernel, last_sequence: int, entries: int) -> tuple[Array, int, int]:
    """Rows closed for batches that never came, and the run of the ring they lie in."""
    found = [np.zeros(0, FLOW_DELTA)]
    where: list[Array] = []
    for first, chunk in kernel.ring(entries):
        mine = (chunk["sequence"] > last_sequence) & (chunk["status"] == CLOSING_DONE)
        if mine.any():
            found.append(reader.closed_rows(chunk[mine]))
            where.append(first + np.flatnonzero(mine))
    if not where:
        return found[0], 0, 0
    places = np.concatenate(where)
    gaps = np.diff(np.append(places, places[0] + entries))
    # The run begins after the widest gap and goes round to before it.
    widest = int(np.argmax(gaps))
    first = int(places[(widest + 1) % len(places)])
    return np.concatenate(found), first, entries - int(gaps[widest]) + 1
