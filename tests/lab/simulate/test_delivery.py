"""Batches on their way: kept on disk until a collector has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Agent
from agent.ship.spool import SpoolError
from lab.simulate.delivery import delivering
from tests.support.ports import free_port
from wire.batch import Batch


def batch(sequence: int, end_ns: int) -> Batch:
    return Batch("simulated", bytes(16), sequence, end_ns - 1, end_ns, "0.1.0", "here")


def agent(folder: Path) -> Agent:
    nobody = f"http://127.0.0.1:{free_port()}"
    return Agent(switch_id="simulated", backend_url=(nobody,), data_dir=str(folder))


async def test_what_nobody_takes_is_still_there_next_time(tmp_path: Path) -> None:
    settings = agent(tmp_path)
    async with delivering(settings) as delivery:
        # Of 1970 and of 2033: neither is too old to be kept.
        delivery.keep(batch(1, 10**9))
        delivery.keep(batch(2, 2 * 10**18))
        assert await delivery.finish(0.05) == 2
        await delivery.below(3)
    async with delivering(settings) as delivery:
        assert delivery.spool.state().batches == 2
        parcel = delivery.spool.oldest()
        assert parcel is not None
        assert (parcel.agent, parcel.sequence) == ("simulated", 1)
        with pytest.raises(SpoolError, match="in use"):
            async with delivering(settings):
                pytest.fail("two at once")


async def test_nothing_to_deliver_is_nothing_left(tmp_path: Path) -> None:
    async with delivering(agent(tmp_path)) as delivery:
        delivery.wake()
        await delivery.live({"switch_id": "simulated"})
        assert await delivery.finish(5) == 0
