from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies

from lab.traffic.pacing import Pace, sleep_until


@given(
    strategies.floats(1e3, 1e9),
    strategies.lists(
        strategies.tuples(strategies.integers(1, 100_000), strategies.floats(0, 0.5)),
        min_size=1,
        max_size=50,
    ),
)
def test_no_more_than_the_rate_and_one_burst(
    rate_bps: float, chunks: list[tuple[int, float]]
) -> None:
    """Whenever a chunk may go, what went before it fits the time since the start."""
    pace = Pace(rate_bps, burst_s=0.05)
    now, sent_bits = 0.0, 0.0
    for size, pause in chunks:
        now += pause
        now += pace.delay(size, now)
        assert sent_bits <= (now + 0.05) * rate_bps * (1 + 1e-9) + 1
        sent_bits += size * 8


def test_a_full_pipe_is_used_to_the_full() -> None:
    pace = Pace(8_000, burst_s=0.0)
    now = 100.0
    for _ in range(10):
        now += pace.delay(1000, now)
    assert now == pytest.approx(109.0)


async def test_the_past_is_no_reason_to_wait() -> None:
    started = time.monotonic()
    await sleep_until(started - 10)
    await sleep_until(started + 0.02)
    assert time.monotonic() - started >= 0.02
