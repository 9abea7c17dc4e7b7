"""The vocabulary's few rules of its own."""

from __future__ import annotations

import pytest

from agent.records import CLASS_NAMES as AGENTS
from collector.records import CLASS_NAMES, OUTCOMES, UNITS, Busy, Counts, Position, Refused
from wire import schema


def test_classes_and_outcomes_are_the_wires():
    assert CLASS_NAMES == schema.CLASS_NAMES == AGENTS
    assert set(OUTCOMES) == set(schema.VOLUME_NAMES)
    assert len(UNITS) == 3


def test_positions_are_in_the_journals_order():
    ordered = [Position(1, 0), Position(1, 900), Position(2, 5), Position(10, 0)]
    assert sorted([ordered[i] for i in (3, 1, 0, 2)]) == ordered
    assert not Position(1, 5) > Position(1, 5)


def test_refusals_are_counted_by_status():
    counts = Counts()
    for status in (400, 413, 400):
        counts.refuse(status)
    assert counts.refused == {400: 2, 413: 1}
    assert Counts().refused == {}


@pytest.mark.parametrize(("error", "said"), [
    (Refused(413, "too long", limit=5), "too long"), (Busy("later"), "later"),
])  # fmt: skip
def test_errors_say_their_reason(error: Exception, said: str):
    assert str(error) == said
    assert getattr(error, "facts", {"limit": 5}) == {"limit": 5}
    assert getattr(error, "retry_after", 5) == 5
