from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.qos.demand import WINDOW, Errors, Quantiles, Smoothed, accepted

NAN, INF = float("nan"), float("inf")


def fed(series, smoothing=0.3, limited=()):
    estimate = Smoothed(smoothing)
    for now, value in enumerate(series):
        estimate.observe(float(now), {"web": value}, set(limited))
    return estimate.predict(float(len(series)))["web"]


def test_nobody_seen():
    assert Smoothed().predict(0.0) == {}


def test_constant_demand_is_certain():
    one = fed([5e6] * 50)
    assert one.likely_bps == pytest.approx(5e6)
    assert one.high_bps == pytest.approx(5e6)


def test_little_seen_may_double():
    assert fed([1e6]) == Quantiles(1e6, 2e6, 6.0)


def test_persistence_is_smoothing_one():
    assert fed([1e6, 3e6], smoothing=1.0).likely_bps == 3e6


@pytest.mark.parametrize("smoothing", [0.3, 1.0])
def test_the_high_quantile_is_exceeded_one_time_in_ten(smoothing):
    noise = np.random.default_rng(1).gamma(4, 1e6, 3000)
    estimate, hits = Smoothed(smoothing), []
    for now, value in enumerate(noise.tolist()):
        if now > WINDOW:
            hits.append(value <= estimate.predict(now)["web"].high_bps)
        estimate.observe(now, {"web": value}, set())
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def test_a_class_that_is_held_wants_more_than_it_gets():
    assert fed([1e6] * 60, limited=("web",)).likely_bps > 1.05e6


@pytest.mark.parametrize(
    ("likely", "high", "expires", "reason"),
    [
        (1.0, 2.0, 11.0, ""),
        (0.0, 0.0, 11.0, ""),
        (NAN, 2.0, 11.0, "not_finite"),
        (1.0, INF, 11.0, "not_finite"),
        (-1.0, 2.0, 11.0, "negative"),
        (1.0, 1001.0, 11.0, "huge"),
        (2.0, 1.0, 11.0, "crossed"),
        (1.0, 2.0, 10.0, "stale"),
        (1.0, 2.0, NAN, "stale"),
    ],
)
def test_advice_that_cannot_be_is_refused_and_counted(likely, high, expires, reason):
    refused: Counter[str] = Counter()
    one = Quantiles(likely, high, expires)
    kept = accepted({"web": one}, 100.0, 10.0, refused)
    assert kept == ({} if reason else {"web": one})
    assert dict(refused) == ({reason: 1} if reason else {})


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=3 * WINDOW), st.floats(0, 1))
def test_quantiles_of_the_last_errors_are_numpys(found, share):
    errors = Errors()
    for one in found:
        errors.add(one)
    assert len(errors) == min(len(found), WINDOW)
    expected = float(np.quantile(found[-WINDOW:], share))
    assert errors.quantile(share) == pytest.approx(expected, rel=1e-9, abs=1e-3)
