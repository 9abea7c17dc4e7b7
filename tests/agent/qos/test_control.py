from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from agent.qos.adapt import Bounds
from agent.qos.control import (
    DEAD_MAN_S,
    LARGEST_STEP,
    ClassLoad,
    Controller,
    Reading,
    pressed_ceilings,
)
from agent.qos.demand import Quantiles
from agent.qos.policy import policies
from agent.records import CLASS_NAMES

LINK = 20_000_000
POLICIES = policies([], LINK)
BACKGROUND = POLICIES[CLASS_NAMES.index("background")]


def controller(**options):
    return Controller(POLICIES, Bounds(LINK), **options)


def reading(trip=None, **megabits):
    classes = {
        name: ClassLoad(int(rate * 125_000), 0, 0) for name, rate in megabits.items()
    }
    return Reading(1.0, classes, trip)


def demand(now=0.0, **megabits):
    return {
        name: Quantiles(rate * 1e6, rate * 1e6, now + 1.5)
        for name, rate in megabits.items()
    }


@pytest.mark.parametrize(
    ("wanted", "ceiling"),
    [
        ({}, None),
        ({"web": 10, "background": 5}, None),  # 75 %
        ({"web": 10, "background": 7}, 6_000_000),  # 85 %: 16 - 10 are left
        ({"web": 15.5, "background": 1}, BACKGROUND.floor_bps),
        ({"video": 18, "background": 18}, BACKGROUND.floor_bps),
        ({"background": 18}, None),  # nobody to make room for
        ({"web": 17}, BACKGROUND.floor_bps),  # before background even starts
        ({"voice": 50, "background": 1}, None),  # voice may not have more than 6
    ],
)
def test_background_gives_way_before_the_link_is_full(wanted, ceiling):
    found = pressed_ceilings(POLICIES, LINK, demand(**wanted))
    assert found == ({} if ceiling is None else {"background": ceiling})


def test_a_forecast_presses_in_steps_and_lets_go_after_a_while():
    one, ceilings = controller(), []
    for now in range(20):
        forecast = demand(now, web=15 if now < 6 else 1, background=10)
        decision = one.step(float(now), reading(web=1, background=1), forecast)
        assert decision.source == "forecast"
        ceilings.append(decision.moves.ceilings_bps.get("background", BACKGROUND.max_bps))
    assert ceilings[0] == BACKGROUND.max_bps - LINK // 4
    assert min(ceilings) == 1_000_000
    assert ceilings[-1] == BACKGROUND.max_bps
    steps = [abs(b - a) for a, b in zip(ceilings, ceilings[1:], strict=False)]
    assert max(steps) <= LARGEST_STEP * LINK
    # No flapping: it falls, rests, and rises.
    assert ceilings == sorted(ceilings[:8], reverse=True) + sorted(ceilings[8:])


def test_a_clock_that_is_set_back_makes_no_long_pause():
    control = controller()
    for now in range(9000, 9010):
        control.step(now, reading(), demand(now, web=15.5, background=1))
    assert control.step(9010, reading(), {}).moves.ceilings_bps
    for now in range(100, 110):
        last = control.step(now, reading(), demand(now, web=1))
    assert not last.moves.ceilings_bps


def test_without_a_forecast_what_was_served_decides():
    one = controller()
    for now in range(40):
        decision = one.step(float(now), reading(web=14, background=4))
    assert decision.source == "served"
    assert "background" in decision.moves.ceilings_bps


def test_nothing_known_nothing_moved():
    decision = controller().step(5.0, Reading(0.0, {}))
    assert (decision.source, decision.moves.ceilings_bps) == ("none", {})
    assert decision.moves.link_bps is None
    assert decision.expires == 5.0 + DEAD_MAN_S


def test_bad_advice_is_refused_counted_and_replaced():
    one = controller()
    for now in range(10):
        one.step(float(now), reading(web=1))
    bad = {
        "web": Quantiles(float("nan"), 1, 99),
        "video": Quantiles(1, 1e12, 99),
        "voice": Quantiles(-5, 1, 99),
        "file": Quantiles(1, 1, 2.0),
    }
    decision = one.step(10.0, reading(web=1), bad)
    assert one.refused == Counter(not_finite=1, huge=1, negative=1, stale=1)
    assert decision.source == "served"
    assert decision.moves.ceilings_bps == {}


anything = st.floats(allow_nan=True, allow_infinity=True)
forecasts = st.dictionaries(
    st.sampled_from(CLASS_NAMES), st.builds(Quantiles, anything, anything, anything)
)
readings = st.builds(
    Reading,
    st.sampled_from([0.0, 0.5, 1.0, 30.0]),
    st.dictionaries(
        st.sampled_from(CLASS_NAMES),
        st.builds(
            ClassLoad,
            st.integers(0, 10**12),
            st.integers(0, 10**9),
            st.integers(0, 10**6),
        ),
    ),
    st.none() | anything,
)


@given(st.lists(st.tuples(readings, forecasts), min_size=1, max_size=15))
def test_whatever_comes_in_only_legal_moves_come_out(steps):
    one = controller(is_adaptive=True)
    by_name = {policy.name: policy for policy in POLICIES}
    for now, (load, forecast) in enumerate(steps):
        decision = one.step(float(now), load, forecast)
        link = decision.moves.link_bps
        assert link is None or Bounds(LINK).lowest_bps <= link < LINK
        for name, ceiling in decision.moves.ceilings_bps.items():
            assert name == "background"
            assert by_name[name].floor_bps <= ceiling < by_name[name].max_bps
        assert decision.expires == now + DEAD_MAN_S


def test_adaptation_is_off_unless_asked_for():
    slow = reading(trip=0.9, file=20)
    for is_adaptive in (False, True):
        one = controller(is_adaptive=is_adaptive)
        one.step(0.0, reading(trip=0.02, file=20))
        for now in range(1, 10):
            decision = one.step(float(now), slow)
        assert (decision.moves.link_bps is not None) == is_adaptive
        assert bool(decision.reasons) <= is_adaptive
