"""When to try a collector again, and when to leave it alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

DELAY_SECONDS_MAX: Final = 60.0
"""A collector that comes back is found within this; a thousand agents then ask 17 times a
second for its health, which costs it nothing."""
RETRY_AFTER_SECONDS_MAX: Final = 3600.0
"""A collector may ask for patience, not for silence."""


class State(StrEnum):
    """What a collector is trusted with."""

    CLOSED = "closed"  # batches
    OPEN = "open"  # nothing
    HALF_OPEN = "half-open"  # one question for its health


class Event(StrEnum):
    """What can happen to a breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    LIMIT = "limit"  # a failure too many in a row
    DUE = "due"  # the waiting time is over


TRANSITIONS: Final = {
    (State.CLOSED, Event.SUCCESS): State.CLOSED,
    (State.CLOSED, Event.FAILURE): State.CLOSED,
    (State.CLOSED, Event.LIMIT): State.OPEN,
    (State.CLOSED, Event.DUE): State.CLOSED,
    (State.OPEN, Event.SUCCESS): State.CLOSED,
    (State.OPEN, Event.FAILURE): State.OPEN,
    (State.OPEN, Event.LIMIT): State.OPEN,
    (State.OPEN, Event.DUE): State.HALF_OPEN,
    (State.HALF_OPEN, Event.SUCCESS): State.CLOSED,
    (State.HALF_OPEN, Event.FAILURE): State.OPEN,
    (State.HALF_OPEN, Event.LIMIT): State.OPEN,
    (State.HALF_OPEN, Event.DUE): State.HALF_OPEN,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be."""

    attempts: int  # failures in a row that open the breaker
    base_seconds: float  # wait after the first failure


@dataclass(frozen=True, slots=True)
class Breaker:
    """One collector's standing. It is asked for its health before it gets anything."""

    state: State = State.HALF_OPEN
    failures: int = 0  # in a row
    not_before: float = 0.0  # monotonic seconds


def delay(failures: int, policy: Policy, chance: float) -> float:
    """Return seconds to wait after so many failures in a row.

    Doubles with each, up to DELAY_SECONDS_MAX; chance in [0, 1) takes off up to half, so
    that agents that failed together do not come back together.
    """
    # The exponent is bounded: a float holds it, and the cap is far below.
    doubled = policy.base_seconds * 2.0 ** min(max(failures, 1) - 1, 32)
    return min(doubled, DELAY_SECONDS_MAX) * (1.0 - chance / 2.0)


def healthy(breaker: Breaker) -> Breaker:
    """Return the breaker after a good answer about health.

    Failures are not forgotten: where batches keep failing, waiting goes on growing.
    """
    return replace(breaker, state=TRANSITIONS[breaker.state, Event.SUCCESS])


def delivered(breaker: Breaker) -> Breaker:
    """Return the breaker after a batch went through."""
    return Breaker(TRANSITIONS[breaker.state, Event.SUCCESS])


def failed(breaker: Breaker, now: float, wait_seconds: float, policy: Policy) -> Breaker:
    """Return the breaker after a failure; nothing is tried for wait_seconds."""
    failures = breaker.failures + 1
    event = Event.LIMIT if failures >= policy.attempts else Event.FAILURE
    return Breaker(TRANSITIONS[breaker.state, event], failures, now + wait_seconds)


def due(breaker: Breaker, now: float) -> Breaker:
    """Return the breaker as it stands now."""
    if now < breaker.not_before:
        return breaker
    return replace(breaker, state=TRANSITIONS[breaker.state, Event.DUE])


def waiting(failures: int, asked: float | None, policy: Policy, chance: float) -> float:
    """Return seconds to wait: the delay, or longer where the collector asked for it."""
    return max(delay(failures, policy, chance), min(asked or 0.0, RETRY_AFTER_SECONDS_MAX))
