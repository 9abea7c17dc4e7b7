from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from agent.qos.adapt import COOL_DOWN_S, Bounds, Load, Rate, adapted

LINK = 20_000_000
BOUNDS = Bounds(LINK)


def run(rate, capacities, *, wanted=1e9, bounds=BOUNDS, base=0.02, start=0):
    """A link whose true capacity changes, a deep queue in front of it; one second each."""
    queued, seen = 0.0, []
    for now, capacity in enumerate(capacities, start):
        sent = min(wanted, rate.rate_bps)
        queued = min(max(queued + sent - capacity, 0.0), 0.5 * capacity)
        delay = queued / capacity
        through = min(sent, capacity)
        rate = adapted(rate, Load(1.0, through, 0.0, base + delay), bounds, float(now))
        seen.append((rate.rate_bps, delay))
    return rate, seen


def test_a_slower_link_is_found_and_a_faster_one_too():
    rate, seen = run(Rate(LINK), [20e6] * 10 + [6e6] * 60)
    assert 4.5e6 < rate.rate_bps <= 6.3e6
    # The queue in front of it is gone within half a minute and stays small.
    assert max(delay for _, delay in seen[40:]) < 0.3
    rate, seen = run(rate, [14e6] * 60, start=70)
    assert 12e6 < rate.rate_bps < 15.5e6


def test_a_constant_link_is_left_alone():
    _, seen = run(Rate(LINK), [25e6] * 100)
    assert {rate for rate, _ in seen} == {LINK}


def test_what_queues_at_home_is_not_held_against_the_link():
    rate = Rate(LINK, base_s=0.02)
    own = Load(1.0, LINK, 0.1 * LINK / 8, 0.12)  # 100 ms of our own queue
    for now in range(50):
        rate = adapted(rate, own, BOUNDS, float(now))
    assert rate.rate_bps == LINK


def test_delay_without_load_is_somebody_elses():
    rate = Rate(LINK, base_s=0.02)
    for now in range(20):
        rate = adapted(rate, Load(1.0, 1e6, 0.0, 0.5), BOUNDS, float(now))
    assert rate.rate_bps == LINK


def test_a_longer_path_is_not_a_slower_link_for_ever():
    rate, _ = run(Rate(LINK), [25e6] * 20, base=0.02)
    rate, _ = run(rate, [25e6] * 150, base=0.2, start=20)
    assert rate.rate_bps > 0.5 * LINK


def test_cuts_are_a_cool_down_apart():
    rate, cuts = Rate(LINK, base_s=0.02), []
    for now in range(30):
        before = rate.rate_bps
        rate = adapted(rate, Load(1.0, before, 0.0, 0.5), BOUNDS, float(now))
        if rate.rate_bps < before:
            cuts.append(now)
    assert len(cuts) > 3
    assert min(b - a for a, b in zip(cuts, cuts[1:], strict=False)) >= COOL_DOWN_S


def test_a_clock_that_is_set_back_makes_no_long_pause():
    late = Load(1.0, LINK, 0.0, 0.2)
    rate = Rate(LINK, base_s=0.02, cool_until=5000.0)
    for now in range(100, 104):
        rate = adapted(rate, late, BOUNDS, float(now))
    assert rate.rate_bps < LINK


def test_idle_time_leads_back():
    rate, _ = run(Rate(5_000_000, base_s=0.02), [20e6] * 100, wanted=1e5)
    assert rate.rate_bps == LINK


numbers = st.floats(0, 1e12) | st.sampled_from([0.0, 1e-9, 1e12])


@given(
    st.lists(
        st.tuples(numbers, numbers, st.none() | st.floats(allow_nan=True)), max_size=40
    ),
    st.integers(0, LINK),
)
def test_never_out_of_bounds(readings, floor):
    bounds = Bounds(LINK, floor)
    rate = Rate(LINK)
    for now, (sent, backlog, trip) in enumerate(readings):
        before = rate.rate_bps
        rate = adapted(rate, Load(1.0, sent, backlog, trip), bounds, float(now))
        assert bounds.lowest_bps <= rate.rate_bps <= LINK
        assert rate.rate_bps >= 0.74 * before
        assert not math.isnan(rate.base_s)


@pytest.mark.parametrize("trip", [None, 0.0, -1.0, math.nan, math.inf])
def test_no_measurement_no_cut(trip):
    rate = Rate(LINK, base_s=0.02)
    for now in range(10):
        rate = adapted(rate, Load(1.0, LINK, 0.0, trip), BOUNDS, float(now))
    assert rate.rate_bps == LINK
