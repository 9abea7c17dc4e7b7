"""Two collectors, none, or one in trouble: everything arrives once."""

from __future__ import annotations

import random

import pytest
import pytest_asyncio

from agent.ship.door import open_session
from tests.agent.ship.collectors import refusal
from tests.agent.ship.site import Site, sequences


@pytest_asyncio.fixture
async def pair(tmp_path, collector, second):
    session = open_session()
    yield Site(tmp_path / "spool", session, backend_url=(collector.url, second.url))
    await session.close()


async def test_the_second_collector_takes_over_and_hands_back(pair, collector, second):
    pair.append(1)
    await pair.steps()
    collector.says = ["reset"] * 3
    collector.is_ready = False
    pair.append(2, 3)
    for _ in range(3):
        pair.hands.now += (await pair.steps())[-1]
    await pair.steps()
    assert (sequences(collector), sequences(second)) == ([1], [2, 3])
    assert pair.uplink.state().connected
    assert pair.uplink.state().backend_url == second.url
    collector.is_ready = True
    pair.append(4)
    pair.hands.now += 100
    await pair.steps()
    assert (sequences(collector), sequences(second)) == ([1, 4], [2, 3])
    assert pair.uplink.state().backend_url == collector.url


async def test_with_the_second_in_use_the_first_is_asked_again_by_itself(
    pair, collector, second
):
    collector.is_ready = False
    pair.append(1)
    waits = await pair.steps()
    assert sequences(second) == [1]
    assert waits[-1] == 1.0  # until the first one's health is asked for


async def test_a_collector_that_does_not_exist_is_an_error_not_an_end(tmp_path):
    session = open_session()
    site = Site(tmp_path / "spool", session, backend_url=("http://127.0.0.1:1",))
    site.append(1)
    await site.settle(100)
    assert site.uplink.state().errors_by_kind["unreachable"] > 3
    assert site.spool.state().batches == 1
    await session.close()


async def test_without_collectors_it_waits(tmp_path):
    session = open_session()
    site = Site(tmp_path / "spool", session)
    site.append(1)
    assert await site.uplink.step() is None
    await session.close()


@pytest_asyncio.fixture
async def site(tmp_path, collector):
    session = open_session()
    yield Site(tmp_path / "spool", session, backend_url=(collector.url,))
    await session.close()


@pytest.mark.parametrize("seed", range(6))
async def test_through_any_trouble_everything_arrives_once(site, collector, seed):
    chance = random.Random(seed)
    troubles = ["reset", "commit, then reset", refusal(503, "busy"), None, None]
    for n in range(1, 31):
        site.append(n)
        collector.says.append(chance.choice(troubles))
        collector.is_ready = chance.random() > 0.2
        if chance.random() < 0.5:
            site.hands.now += (await site.steps())[-1] or 0
    collector.is_ready = True
    collector.says = []
    await site.settle()
    assert sequences(collector) == list(range(1, 31))
    assert site.uplink.state().batches_sent == 30
