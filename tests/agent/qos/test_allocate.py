from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.qos.allocate import (
    HIGH_PRIORITY,
    Limits,
    allocate,
    allocate_between,
    water_fill,
    whole,
    with_headroom,
)

# Rates in units of the link: 100 is all of it.
LINK = 100.0
rates = st.floats(0, 150).map(lambda rate: round(rate, 3))


@st.composite
def classes(draw, priorities=4):
    least = draw(st.floats(0, 40).map(lambda rate: round(rate, 3)))
    most = draw(st.floats(least, 120).map(lambda rate: round(rate, 3)))
    return Limits(
        least,
        max(least, most),
        draw(st.floats(0.2, 5).map(lambda weight: round(weight, 2))),
        draw(st.integers(0, priorities - 1)),
    )


@st.composite
def cases(draw, priorities=4):
    limits = draw(st.lists(classes(priorities), min_size=1, max_size=8))
    demands = draw(st.lists(rates, min_size=len(limits), max_size=len(limits)))
    capacity = draw(st.floats(1, LINK))
    return capacity, demands, limits, draw(st.booleans())


def bounds(capacity, demands, limits):
    high = np.minimum(demands, [one.maximum for one in limits])
    least = np.array([one.minimum for one in limits])
    shrink = min(1.0, capacity / least.sum()) if least.sum() > 0 else 1.0
    return np.minimum(high, least * shrink), high


def near(capacity):
    return 1e-7 * (1 + capacity)


@given(cases())
def test_feasible_and_work_conserving(case):
    capacity, demands, limits, strict = case
    given_rates = allocate(capacity, demands, limits, strict=strict)
    _, high = bounds(capacity, demands, limits)
    assert (given_rates >= 0).all()
    assert abs(given_rates.sum() - min(capacity, high.sum())) <= near(capacity)


@given(cases())
def test_guarantees_and_ceilings(case):
    capacity, demands, limits, strict = case
    given_rates = allocate(capacity, demands, limits, strict=strict)
    low, high = bounds(capacity, demands, limits)
    assert (given_rates <= high + near(capacity)).all()
    assert (given_rates >= low - near(capacity)).all()


@given(cases(priorities=1))
def test_weighted_max_min(case):
    """Whoever wants more finds nobody above his own floor with more for his weight."""
    capacity, demands, limits, strict = case
    low, high = bounds(capacity, demands, limits)
    given_rates = allocate(capacity, demands, limits, strict=strict)
    level = given_rates / [one.weight for one in limits]
    for i in range(len(limits)):
        if given_rates[i] < high[i] - near(capacity):
            above = (level > level[i] + near(capacity)) & (
                given_rates > low + near(capacity)
            )
            assert not above.any()


@given(cases())
def test_strict_priority(case):
    """Who wants more finds nobody of lower priority above his own floor."""
    capacity, demands, limits, _ = case
    low, high = bounds(capacity, demands, limits)
    given_rates = allocate(capacity, demands, limits, strict=True)
    for i, one in enumerate(limits):
        if given_rates[i] < high[i] - near(capacity):
            for j, other in enumerate(limits):
                if other.priority < one.priority:
                    assert given_rates[j] <= low[j] + near(capacity)


@given(cases())
def test_pareto(case):
    """Nobody can be given more unless another gets less: link or wish is used up."""
    capacity, demands, limits, strict = case
    given_rates = allocate(capacity, demands, limits, strict=strict)
    _, high = bounds(capacity, demands, limits)
    full = abs(given_rates.sum() - capacity) <= near(capacity)
    assert full or (given_rates >= high - near(capacity)).all()


@given(cases(), st.data())
def test_asking_for_more(case, data):
    capacity, demands, limits, strict = case
    who = data.draw(st.integers(0, len(limits) - 1))
    more = list(demands)
    more[who] += data.draw(st.floats(0, 50))
    before = allocate(capacity, demands, limits, strict=strict)
    after = allocate(capacity, more, limits, strict=strict)
    others = np.arange(len(limits)) != who
    assert after[who] >= before[who] - near(capacity)
    assert (after[others] <= before[others] + near(capacity)).all()
    # An error in one forecast is not amplified.
    moved = np.abs(after - before).sum()
    assert moved <= 2 * (more[who] - demands[who]) + near(capacity)
    # Claiming more than one needs brings nothing that one needs.
    useful = min(after[who], demands[who])
    assert useful <= min(before[who], demands[who]) + near(capacity)


@given(cases(), st.floats(1, 3))
def test_a_wider_link_takes_from_nobody(case, factor):
    capacity, demands, limits, strict = case
    before = allocate(capacity, demands, limits, strict=strict)
    after = allocate(capacity * factor, demands, limits, strict=strict)
    assert (after >= before - near(capacity)).all()


@given(cases(), st.sampled_from([1e-6, 8.0, 1e6]))
def test_scale_invariant(case, unit):
    capacity, demands, limits, strict = case
    before = allocate(capacity, demands, limits, strict=strict)
    scaled = [
        Limits(one.minimum * unit, one.maximum * unit, one.weight, one.priority)
        for one in limits
    ]
    after = allocate(
        capacity * unit, [demand * unit for demand in demands], scaled, strict=strict
    )
    assert np.abs(after / unit - before).max() <= near(capacity)


@given(cases(), st.randoms(use_true_random=False))
def test_order_does_not_matter(case, random):
    capacity, demands, limits, strict = case
    order = list(range(len(limits)))
    random.shuffle(order)
    before = allocate(capacity, demands, limits, strict=strict)
    after = allocate(
        capacity, [demands[i] for i in order], [limits[i] for i in order], strict=strict
    )
    assert np.abs(after - before[order]).max() <= near(capacity)


@given(cases())
def test_who_wants_nothing_gets_nothing(case):
    capacity, demands, limits, strict = case
    silent = [0.0 if i % 2 else demand for i, demand in enumerate(demands)]
    assert (allocate(capacity, silent, limits, strict=strict)[1::2] == 0).all()


@given(cases(), st.lists(rates, min_size=8, max_size=8))
def test_quantiles(case, extra):
    capacity, likely, limits, strict = case
    high = [demand + more for demand, more in zip(likely, extra, strict=False)]
    given_rates = allocate_between(capacity, likely, high, limits, strict=strict)
    ceilings = np.array([one.maximum for one in limits])
    assert (given_rates <= ceilings + near(capacity)).all()
    assert given_rates.sum() == pytest.approx(min(capacity, ceilings.sum()), rel=1e-6)
    # The medians come first: no class loses likely need to another's unlikely one.
    assert (
        given_rates >= allocate(capacity, likely, limits, strict=strict) - near(capacity)
    ).all()


@given(cases())
def test_whole_numbers_stay_below_the_link(case):
    capacity, demands, limits, strict = case
    link = round(capacity * 8e6)
    scaled = [
        Limits(one.minimum * 8e6, one.maximum * 8e6, one.weight, one.priority)
        for one in limits
    ]
    shares = allocate(link, [demand * 8e6 for demand in demands], scaled, strict=strict)
    for step in (1, 8):
        rounded = whole(shares, step)
        assert sum(rounded) <= link
        assert all(
            rate % step == 0 and 0 <= share - rate + 1e-3 < step + 1e-3
            for rate, share in zip(rounded, shares, strict=True)
        )


@pytest.mark.parametrize(
    ("capacity", "demands", "limits", "strict", "expected"),
    [
        # One class, more link than wish; and less.
        (100, [30], [Limits(0, 100)], True, [30]),
        (20, [30], [Limits(0, 100)], True, [20]),
        # Weights 1:3, all want everything.
        (80, [100, 100], [Limits(0, 100, 1), Limits(0, 100, 3)], True, [20, 60]),
        # A ceiling frees its rest for the others.
        (90, [100, 100, 100], [Limits(0, 10)] + [Limits(0, 100)] * 2, True, [10, 40, 40]),
        # The higher priority is served in full, the lower keeps its guarantee.
        (100, [95, 50], [Limits(0, 100, 1, 3), Limits(10, 100, 1, 0)], True, [90, 10]),
        (100, [95, 50], [Limits(0, 100, 1, 3), Limits(10, 100, 1, 0)], False, [50, 50]),
        # A guarantee that nobody asks for is lent.
        (100, [100, 0], [Limits(0, 100, 1, 0), Limits(60, 100, 1, 3)], True, [100, 0]),
        # Guarantees above the link shrink alike.
        (30, [100, 100], [Limits(40, 100, 1, 3), Limits(20, 100, 1, 0)], True, [20, 10]),
    ],
)
def test_examples(capacity, demands, limits, strict, expected):
    shares = allocate(capacity, demands, limits, strict=strict)
    assert shares.tolist() == pytest.approx(expected)


def test_headroom_is_for_high_priorities():
    limits = [Limits(0, 100, 1, HIGH_PRIORITY), Limits(0, 100, 1, HIGH_PRIORITY - 1)]
    assert with_headroom([10.0, 10.0], limits) == [12.0, 10.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_what_is_no_rate_is_refused(bad):
    one = Limits(0, 100)
    with pytest.raises(ValueError, match="demand is not a finite"):
        allocate(100, [bad], [one])
    with pytest.raises(ValueError, match="is not a finite"):
        allocate(bad, [1.0], [one])
    with pytest.raises(ValueError, match=r"finite|must hold"):
        Limits(bad, 100)
    with pytest.raises(ValueError, match="2 demands for 1"):
        allocate(100, [1.0, 2.0], [one])


def test_nothing_to_share():
    empty = np.zeros(2)
    assert water_fill(0, np.ones(2), empty, empty).tolist() == [0, 0]
    assert allocate(0, [5.0], [Limits(1, 9)]).tolist() == [0]
    assert allocate(10, [], []).tolist() == []
