"""What the API is told: one moment of a daemon, exact when asked, bounded in callers."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.daemon import Daemon
from agent.source import REQUESTS_MAX, rss_bytes
from tests.agent.running import asked, send
from tests.support.namespaces import Namespace


def test_memory_is_that_of_this_process():
    before = rss_bytes()
    block = np.ones(64 << 20, np.uint8)
    assert rss_bytes() - before > 0.9 * block.nbytes


@pytest.mark.root
async def test_a_moment_and_an_exact_one(one: Daemon, ends: tuple[Namespace, Namespace]):
    async with asked(one) as source:
        await one.step(source)
        plain = await source.snapshot()
        assert (plain.switch_id, plain.ready, plain.problems) == ("edge-001", False, ())
        assert [item.name for item in plain.interfaces] == ["right0"]
        assert (plain.flows_max, plain.loader) == (1024, "libbpf")
        await asyncio.to_thread(send, *ends, 200)
        exact = await source.snapshot(exact=True)
        slot = exact.interfaces[0].slot
        assert exact.counters.seen[slot, 0, 0] == 200
        parts = ("flows", "overflow", "non_ip", "unparsed", "filtered")
        total = sum(getattr(exact.counters, name)[slot] for name in parts)
        assert (total == exact.counters.seen[slot]).all()
        assert exact.uptime_seconds >= plain.uptime_seconds
        assert 0 < plain.walk_seconds <= plain.step_seconds


@pytest.mark.root
async def test_callers_who_wait_are_answered_together_and_are_not_too_many(
    one: Daemon, ends: tuple[Namespace, Namespace]
):
    async with asked(one) as source:
        callers = [asyncio.ensure_future(source.sync()) for _ in range(REQUESTS_MAX + 5)]
        await asyncio.sleep(0)
        assert len(source.requests) == REQUESTS_MAX
        assert sum(caller.done() for caller in callers) == 5
        await one.step(source)
        await asyncio.wait_for(asyncio.gather(*callers), 2)
        assert source.requests == []


@pytest.mark.root
async def test_endpoints_and_collectors(one: Daemon, ends: tuple[Namespace, Namespace]):
    async with asked(one) as source:
        assert source.has_collector is False
        assert await source.sketches() == []
        await one.step(source)
        await asyncio.to_thread(send, *ends, 200)
        await one.step(source, final=True)
        found = await source.sketches()
        assert found
        assert {row["switch_id"] for row in found} == {"edge-001"}
