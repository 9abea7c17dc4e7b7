from __future__ import annotations

import io
from pathlib import Path

import pytest

from lab.simulate.flows import SECOND_NS, Second, none
from lab.simulate.source import Wish, first, recorded, source

WISH = Wish(20, 50.0, 3, 10, None, 1_767_614_400 * SECOND_NS, 0)


def test_a_mix_of_so_many_seconds() -> None:
    seconds = list(source(WISH))
    assert [(s.start_ns - WISH.start_ns) // SECOND_NS for s in seconds] == list(range(10))
    assert sum(len(s.flows) for s in seconds) == 500


def test_what_is_recorded_is_replayed(tmp_path: Path) -> None:
    file = io.StringIO()
    made = list(recorded(source(WISH), file))
    path = tmp_path / "flows.csv"
    path.write_text(file.getvalue())
    replay = Wish(20, 50.0, 3, None, path, 0, 0)
    again = list(source(replay))
    assert [s.start_ns for s in again] == [s.start_ns for s in made]
    assert all((a.flows == b.flows).all() for a, b in zip(again, made, strict=True))


@pytest.mark.parametrize(
    ("count", "found"), [(None, [4, 5, 9, 20]), (1, [4]), (2, [4, 5]), (16, [4, 5, 9])]
)
def test_the_first_seconds(count: int | None, found: list[int]) -> None:
    given = (Second(number * SECOND_NS, none()) for number in (4, 5, 9, 20))
    assert [s.start_ns // SECOND_NS for s in first(given, count)] == found
    assert list(first(iter([]), count)) == []
