from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.ship.backoff import (
    DELAY_SECONDS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    TRANSITIONS,
    Breaker,
    Event,
    Policy,
    State,
    delay,
    delivered,
    due,
    failed,
    healthy,
    waiting,
)

POLICY = Policy(attempts=3, base_seconds=1.5)
CHANCES = st.floats(0, 1, exclude_max=True)


def test_every_event_has_an_end_in_every_state():
    assert set(TRANSITIONS) == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 1.5), (1, 1.5), (2, 3), (3, 6), (6, 48), (7, 60), (10**9, 60)],
)
def test_waiting_doubles_up_to_a_cap(failures, seconds):
    assert delay(failures, POLICY, 0.0) == seconds


@given(st.integers(0, 10**6), CHANCES)
def test_chance_takes_off_up_to_half(failures, chance):
    full = delay(failures, POLICY, 0.0)
    assert full / 2 <= delay(failures, POLICY, chance) <= full <= DELAY_SECONDS_MAX


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 1.5), (0.0, 1.5), (7.0, 7.0), (1e9, RETRY_AFTER_SECONDS_MAX)],
)
def test_a_collector_may_ask_for_longer_only(asked, seconds):
    assert waiting(1, asked, POLICY, 0.0) == seconds


def test_a_collector_that_fails_is_left_alone_then_asked_then_trusted():
    breaker = due(Breaker(), 0.0)
    assert breaker.state is State.HALF_OPEN
    breaker = healthy(breaker)
    assert breaker == Breaker(State.CLOSED)
    breaker = failed(breaker, 10.0, 1.5, POLICY)
    breaker = failed(due(breaker, 11.5), 11.5, 3.0, POLICY)
    assert breaker == Breaker(State.CLOSED, 2, 14.5)
    breaker = failed(breaker, 14.5, 6.0, POLICY)
    assert breaker == Breaker(State.OPEN, 3, 20.5)
    assert due(breaker, 20.4).state is State.OPEN
    breaker = due(breaker, 20.5)
    assert breaker.state is State.HALF_OPEN
    breaker = failed(breaker, 21.0, 12.0, POLICY)
    assert breaker == Breaker(State.OPEN, 4, 33.0)
    breaker = healthy(due(breaker, 33.0))
    assert (breaker.state, breaker.failures) == (State.CLOSED, 4)
    assert failed(breaker, 33.0, 24.0, POLICY).state is State.OPEN
    assert delivered(breaker) == Breaker(State.CLOSED)
