"""What an agent that starts finds of the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from agent.capture import layout, reader
from agent.capture.recovery import recover
from agent.records import Counters

ENTRIES, FLOWS = 16, 8


@dataclass
class Maps:
    """The maps of an agent that is gone, as arrays."""

    marks: np.ndarray = field(default_factory=lambda: np.zeros(2, layout.BOOKMARK))
    lists: np.ndarray = field(default_factory=lambda: np.zeros((2, FLOWS), layout.REPORTED))
    names: np.ndarray = field(default_factory=lambda: np.zeros(layout.SLOTS, layout.SLOT))
    counts: np.ndarray = field(
        default_factory=lambda: np.zeros((layout.SLOTS, layout.HOOKS), layout.COUNTERS)
    )
    closing: np.ndarray = field(default_factory=lambda: np.zeros(ENTRIES, layout.CLOSING))
    kept: list[np.ndarray] = field(default_factory=list)

    def bookmarks(self) -> np.ndarray:
        return self.marks.copy()

    def reported(self, half: int, count: int, max_flows: int) -> np.ndarray:
        return self.lists[half, :count].copy()

    def slots(self) -> np.ndarray:
        return self.names

    def counters(self, slots: list[int]) -> np.ndarray:
        return self.counts

    def ring(self, entries: int) -> Iterator[tuple[int, np.ndarray]]:
        for first in range(0, entries, 4):
            yield first, self.closing[first : first + 4]

    def write_bookmark(
        self, bookmark: np.ndarray, reported: np.ndarray | None, max_flows: int
    ) -> None:
        self.kept.append(bookmark.copy())

    def mark(self, sequence: int, seen: int = 0, ids: tuple[int, ...] = ()) -> None:
        """Keep a bookmark as the batch of this number did; slot 1 has seen so much."""
        half = sequence % 2
        counted = Counters.none()
        counted.seen[1] = seen
        row = np.zeros(1, layout.BOOKMARK)
        row["sequence"], row["flows"] = sequence, len(ids)
        reader.write_counters(row, counted)
        self.marks[half] = row[0]
        self.lists[half, : len(ids)]["id"] = ids

    def close(self, *places: int, sequence: int) -> None:
        """Put closed flows into the ring; a flow's id is its place plus 100."""
        for place in places:
            self.closing[place]["sequence"] = sequence
            self.closing[place]["status"] = layout.CLOSING_DONE
            self.closing[place]["record"]["id"] = place + 100


def test_fresh_maps_hold_nothing():
    maps = Maps()
    found = recover(maps, 0, ENTRIES, FLOWS)
    assert (found.sequence, len(found.flows), len(found.late)) == (1, 0, 0)
    assert (found.ring_first, found.ring_used) == (0, 0)
    assert sum(int(array.sum()) for array in found.reported.arrays()) == 0
    assert maps.kept == []


@pytest.mark.parametrize("last", [4, 5])
def test_the_bookmark_of_the_last_batch_on_disk_holds(last: int):
    maps = Maps()
    maps.names["flags"][1] = layout.SLOT_USED
    maps.counts["seen"][1] = (900, 900, 900)
    maps.mark(4, seen=40, ids=(7, 3))
    maps.mark(5, seen=50, ids=(8,))
    found = recover(maps, last, ENTRIES, FLOWS)
    assert found.sequence == last + 1
    assert found.reported.seen[1, 0, 0] == last * 10
    assert found.flows["id"].tolist() == ([3, 7] if last == 4 else [8])
    assert [int(row["sequence"][0]) for row in maps.kept] == [last]


def test_a_spool_that_was_lost_reports_nothing_twice():
    maps = Maps()
    maps.mark(8, seen=1)
    maps.mark(9, seen=2)
    assert recover(maps, 0, ENTRIES, FLOWS).sequence == 10
    assert recover(maps, 3, ENTRIES, FLOWS).sequence == 10


def test_a_slot_given_back_since_begins_again_at_zero():
    maps = Maps()
    maps.mark(4, seen=40)
    assert recover(maps, 4, ENTRIES, FLOWS).reported.seen[1].sum() == 0
    maps.names["flags"][1] = layout.SLOT_USED
    maps.counts["seen"][1] = (39, 39, 39)  # less than was reported: another interface's
    assert recover(maps, 4, ENTRIES, FLOWS).reported.seen[1].sum() == 0


@pytest.mark.parametrize(
    ("places", "first", "used"),
    [((5,), 5, 1), ((5, 6, 7), 5, 3), ((0, 1, 15), 15, 3), ((14, 15), 14, 2),
     (tuple(range(ENTRIES)), 0, ENTRIES), ((2, 4), 2, 3)],
)  # fmt: skip
def test_flows_closed_for_a_batch_that_never_came_are_late(
    places: tuple[int, ...], first: int, used: int
):
    maps = Maps()
    maps.mark(4)
    maps.close(*places, sequence=5)
    found = recover(maps, 4, ENTRIES, FLOWS)
    assert sorted(found.late["id"].tolist()) == sorted(place + 100 for place in places)
    assert found.ring_used == used
    if used < ENTRIES:
        assert found.ring_first == first


def test_flows_that_a_batch_on_disk_has_are_not_late():
    maps = Maps()
    maps.mark(4)
    maps.close(2, 3, sequence=4)
    maps.close(4, sequence=5)
    maps.closing[5]["sequence"], maps.closing[5]["status"] = 5, layout.CLOSING_ASKED
    found = recover(maps, 4, ENTRIES, FLOWS)
    assert found.late["id"].tolist() == [104]
    assert (found.ring_first, found.ring_used) == (4, 1)
