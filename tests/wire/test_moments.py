"""Arithmetic that does not lose small spreads."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.capture.layout import RECORD
from wire.moments import deviations, periods, ratio


@given(st.lists(st.integers(0, 2**41), min_size=1, max_size=60))
def test_deviations_are_exact_to_a_rounding(values: list[int]) -> None:
    n, total, square = len(values), sum(values), sum(value * value for value in values)
    exact = Fraction(square) - Fraction(total * total, n)
    out = deviations(
        np.array([n], np.uint64),
        np.array([total], np.uint64),
        np.array([square % 2**64], np.uint64),
        np.array([square >> 64], np.uint64),
    )
    assert out[0] == pytest.approx(float(exact), rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("gap_ns", [1, 20_000_000, 10_000_000_000, 3_600_000_000_000])
def test_equal_gaps_have_no_deviation(gap_ns: int) -> None:
    n = 1000
    square = n * gap_ns * gap_ns
    out = deviations(
        np.array([n], np.uint64),
        np.array([n * gap_ns], np.uint64),
        np.array([square % 2**64], np.uint64),
        np.array([square >> 64], np.uint64),
    )
    assert out[0] == 0


@given(st.lists(st.integers(1, 2**40), max_size=8), st.integers(0, 2**40))
def test_the_running_period_counts_like_the_ended(ended: list[int], running: int) -> None:
    held = np.zeros(1, RECORD)["active"]
    held["count"], held["sum_ns"] = len(ended), sum(ended)
    square = sum(value * value for value in ended)
    held["square_ns"]["low"], held["square_ns"]["high"] = square % 2**64, square >> 64
    held["min_ns"], held["max_ns"] = min(ended, default=0), max(ended, default=0)
    values = ended + ([running] if running else [])
    out = periods(held, np.array([running], np.uint64))
    assert int(out.count[0]) == len(values)
    assert out.total[0] == sum(values)
    assert out.smallest[0] == min(values, default=0)
    assert out.largest[0] == max(values, default=0)


@pytest.mark.parametrize("period_ns", [8_796_097_216_511, 8_796_109_799_408, 2**32 - 1])
def test_two_equal_periods_have_no_deviation(period_ns: int) -> None:
    """Squares just below a multiple of 2^64: in floating point the high word rounds up."""
    held = np.zeros(1, RECORD)["active"]
    held["count"], held["sum_ns"] = 1, period_ns
    held["square_ns"]["low"] = period_ns * period_ns % 2**64
    held["square_ns"]["high"] = period_ns * period_ns >> 64
    held["min_ns"] = held["max_ns"] = period_ns
    assert periods(held, np.array([period_ns], np.uint64)).deviations[0] == 0


def test_a_ratio_to_nothing_is_nothing() -> None:
    assert ratio(np.array([1.0, 6.0]), np.array([0.0, 4.0])).tolist() == [0.0, 1.5]
