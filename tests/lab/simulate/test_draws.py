"""Chance that anybody can repeat: known numbers, and their distribution."""

from __future__ import annotations

import numpy as np
import pytest

from lab.simulate.draws import Draws

KNOWN = [359676, 616546, 644781, 343476]


def test_a_seed_draws_the_same_everywhere() -> None:
    # PCG64 seeded with 1 and 7, its high 32 bits scaled: whole numbers throughout.
    assert Draws(1, 7).below(1_000_000, 4).tolist() == KNOWN
    assert Draws(1, 7).below(1_000_000, 4).tolist() == KNOWN


@pytest.mark.parametrize("other", [(1, 8), (2, 7), (1,), (1, 7, 1)])
def test_another_seed_draws_otherwise(other: tuple[int, ...]) -> None:
    assert Draws(*other).below(1_000_000, 4).tolist() != KNOWN


@pytest.mark.parametrize("most", [1, 2, 7, 2**32 - 1])
def test_numbers_stay_below(most: int) -> None:
    drawn = Draws(3).below(most, 20_000)
    assert drawn.min() >= 0
    assert drawn.max() < most
    if most < 10:
        assert set(drawn.tolist()) == set(range(most))


def test_each_number_is_as_likely_as_another() -> None:
    counts = np.bincount(Draws(4).below(10, 100_000), minlength=10)
    # Five standard deviations of a count of 10,000.
    assert abs(counts - 10_000).max() < 5 * 95


def test_columns_of_bounds_are_kept_row_by_row() -> None:
    low, high = np.array([5, 100, -3] * 1000), np.array([5, 101, 3] * 1000)
    drawn = Draws(5).between(low, high, 3000)
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert set(drawn[2::3].tolist()) == set(range(-3, 4))


def test_weights_are_shares() -> None:
    drawn = Draws(6).weighted(np.array([1, 0, 3]), 40_000)
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert counts[2] == pytest.approx(30_000, abs=5 * 87)
