"""From batches to a collector: the agent's own spool, uplink and door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from agent.config import Agent
from agent.ship.door import Door, open_session
from agent.ship.parcel import pack
from agent.ship.spool import Spool
from agent.ship.uplink import Uplink
from lab.simulate.clock import uplink_clock
from wire.batch import Batch

SPOOL_BYTES: Final = 256 << 20
SPOOL_AGE_NS: Final = 1 << 62
"""Simulated time may be long ago: nothing is too old to be sent."""

NUDGE_S: Final = 0.05


class Delivery:
    """Keeps batches on disk and delivers them."""

    def __init__(self, spool: Spool, uplink: Uplink, compression: str) -> None:
        self.spool = spool
        self.uplink = uplink
        self._compression = compression

    def keep(self, batch: Batch) -> None:
        """Put a batch on disk, to be delivered. Raises agent.ship.spool.SpoolError."""
        self.spool.append(pack(batch, self._compression), batch.end_ns)

    def wake(self) -> None:
        """Deliver what was kept."""
        self.uplink.wake()

    async def live(self, sample: dict[str, Any]) -> None:
        """Send a live sample, once a batch has shown that somebody is there."""
        await self.uplink.live(sample)

    async def below(self, batches: int) -> None:
        """Wait until fewer batches than that are to be delivered."""
        while True:
            if self.spool.state().batches < batches:
                return
            await asyncio.sleep(NUDGE_S)

    async def finish(self, patience_s: float) -> int:
        """Deliver what waits; return how many batches that time was too short for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.spool.state().batches:
                    wait_s = await self.uplink.step()
                    await asyncio.sleep(wait_s or 0)
        return self.spool.state().batches


@asynccontextmanager
async def delivering(agent: Agent) -> AsyncIterator[Delivery]:
    """Open the spool in data_dir and the way to backend_url. Raises SpoolError."""
    spool = Spool(Path(agent.data_dir) / "spool", SPOOL_BYTES, SPOOL_AGE_NS)
    try:
        async with open_session() as session:
            clock = uplink_clock()
            door = Door(agent, session, clock.monotonic)
            yield Delivery(spool, Uplink(spool, door, agent, clock), agent.compression)
    finally:
        spool.close()
