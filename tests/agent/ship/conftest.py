from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.agent.ship.collectors import Collector


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    """A collector that listens."""
    made = Collector()
    await made.start()
    yield made
    await made.server.close()


@pytest_asyncio.fixture
async def second() -> AsyncIterator[Collector]:
    """Another one."""
    made = Collector()
    await made.start()
    yield made
    await made.server.close()
