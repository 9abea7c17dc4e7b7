from __future__ import annotations

import pytest

from agent.qos.capacity import LASTING, SLOWEST_BPS, SUSTAINED, Capacity, Sight, learned

IDLE = Sight(1e6, 0.02, True)


def after(capacity, sight, readings, most_bps=0):
    for _ in range(readings):
        capacity = learned(capacity, sight, most_bps)
    return capacity


def full(megabits, trip=0.08):
    return Sight(megabits * 1e6, trip, True)


def test_nothing_is_learned_without_a_queue():
    for sight in (IDLE, Sight(50e6, 0.025, True), Sight(9e6, None, True)):
        assert after(after(Capacity(), IDLE, 5), sight, 100).bps == 0


def test_a_standing_queue_tells_the_rate_once_it_is_sustained():
    known = after(Capacity(), IDLE, 5)
    assert after(known, full(20), SUSTAINED - 1).bps == 0
    assert after(known, full(20), SUSTAINED).bps == 20_000_000
    # A burst between two calm readings is none.
    burst = learned(learned(after(known, full(20), 2), IDLE, 0), full(90), 0)
    assert burst.bps == 0


def test_delay_is_put_down_to_the_busier_direction():
    known = after(Capacity(), IDLE, 5)
    assert after(known, Sight(0.4e6, 0.08, False), 50).bps == 0


def test_the_highest_stands_until_a_lower_one_lasts():
    known = after(after(Capacity(), IDLE, 5), full(20), SUSTAINED)
    assert after(known, full(12), LASTING - SUSTAINED - 1).bps == 20_000_000
    assert after(known, full(12), 2 * LASTING).bps == 12_000_000
    assert after(known, full(26), SUSTAINED).bps == 26_000_000


def test_a_used_and_calm_link_may_have_more():
    known = after(after(Capacity(), IDLE, 5), full(20), SUSTAINED)
    used = Sight(19e6, 0.021, True)
    assert after(known, used, LASTING - 1).bps == 20_000_000
    assert after(known, used, LASTING).bps == 21_000_000
    assert after(known, Sight(10e6, 0.021, True), 10 * LASTING).bps == 20_000_000


@pytest.mark.parametrize(("megabits", "found"), [(5000, 10**9), (0.001, SLOWEST_BPS)])
def test_what_is_believed_is_bounded(megabits, found):
    known = after(Capacity(), IDLE, 5)
    assert after(known, full(megabits), 200, most_bps=10**9).bps == found


@pytest.mark.parametrize("trip", [float("nan"), float("inf"), -1.0, 0.0])
def test_round_trips_that_cannot_be_say_nothing(trip):
    known = after(Capacity(), IDLE, 5)
    assert after(known, Sight(20e6, trip, True), 50) == known
