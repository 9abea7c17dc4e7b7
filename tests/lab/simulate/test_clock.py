from __future__ import annotations

import time

from lab.simulate.clock import Clock, uplink_clock
from lab.simulate.flows import SECOND_NS


async def test_a_moment_is_waited_for_and_the_past_is_not() -> None:
    clock = Clock()
    before = clock.now_ns()
    assert abs(before - time.time_ns()) < 3600 * SECOND_NS
    await clock.until(before + SECOND_NS // 50)
    assert clock.now_ns() >= before + SECOND_NS // 50
    await clock.until(before - 10**6 * SECOND_NS)


def test_the_uplink_has_its_own() -> None:
    clock = uplink_clock()
    assert 0 <= clock.chance() < 1
    assert clock.monotonic() <= clock.monotonic()
