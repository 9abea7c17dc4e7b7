"""The ledger's sets of numbers against plain sets."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, strategies as st

from collector.records import BatchId, Position
from collector.state.control import Control
from collector.state.ledger import FORGET_AFTER_NS, RANGES_MAX, Ranges

BOOT = bytes(16)


@given(st.lists(st.integers(1, 40)))
def test_ranges_hold_what_was_added(numbers: list[int]):
    ranges = Ranges()
    for number in numbers:
        ranges.add(number)
    added = set(numbers)
    assert {number for number in range(42) if number in ranges} == added
    assert ranges.missing() == (max(added) - len(added) if added else 0)
    for before, after in zip(ranges.pairs, ranges.pairs[1:], strict=False):
        assert before[1] + 1 < after[0]


def test_the_number_of_gaps_is_bounded():
    ranges = Ranges()
    for number in range(2, 4 * RANGES_MAX, 2):
        ranges.add(number)
    assert len(ranges.pairs) == RANGES_MAX
    assert 3 in ranges  # The oldest gap was given up.
    assert 4 * RANGES_MAX - 3 not in ranges


def test_what_was_accepted_is_known_in_the_next_life(tmp_path: Path):
    control = Control(tmp_path)
    batches = [BatchId("a", BOOT, number) for number in (1, 2, 4)]
    for batch in batches:
        control.ledger.add(batch)
    with control.database.transaction():
        control.ledger.persist(batches, 1000)
        control.ledger.intend(Position(3, 50))
    name = control.ledger.collector()
    control.close()
    again = Control(tmp_path)
    assert [BatchId("a", BOOT, n) in again.ledger for n in range(1, 6)] == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert again.ledger.missing("a", BOOT) == 1
    assert again.ledger.positions() == (Position(0, 0), Position(3, 50))
    assert again.ledger.collector() == name
    again.ledger.forget(1000 + FORGET_AFTER_NS + 1)
    assert batches[0] not in again.ledger
    again.close()
