"""An agent's ship room on a clock that moves when told to."""

from __future__ import annotations

from agent.config import Agent
from agent.ship.door import Door
from agent.ship.spool import Spool
from agent.ship.uplink import Clock, Uplink
from tests.agent.ship.collectors import Collector
from tests.agent.ship.support import parcel


class Hands:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(lambda: self.now, lambda: 77, lambda: 0.0)


class Site:
    """An agent's ship room: spool, door and uplink, on a clock in hand."""

    def __init__(self, directory, session, **settings) -> None:
        self.agent = Agent(**{"retry_backoff": 1.0, "upload_timeout": 1.0, **settings})
        self.spool = Spool(directory, 1 << 20, 1 << 62)
        self.hands = Hands()
        door = Door(self.agent, session, lambda: self.hands.now)
        self.uplink = Uplink(self.spool, door, self.agent, self.hands.clock)

    def append(self, *numbers: int, **fields) -> None:
        for n in numbers:
            self.spool.append(parcel(n, **fields), 0)

    async def steps(self, limit: int = 50) -> list[float | None]:
        """Step until it wants to wait; return the waits."""
        waits = []
        for _ in range(limit):
            waits.append(await self.uplink.step())
            if waits[-1] != 0:
                return waits
        raise AssertionError("never rests")

    async def settle(self, seconds: float = 600.0) -> None:
        """Let time pass, from one attempt to the next."""
        end = self.hands.now + seconds
        while self.hands.now < end:
            wait = (await self.steps())[-1]
            if wait is None:
                return
            self.hands.now += wait


def sequences(collector: Collector) -> list[int]:
    return [sequence for _, sequence in collector.stored]
