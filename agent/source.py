"""Where the agent's API gets its answers: one moment of the running daemon."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from agent import assemble
from agent.capture.session import Session
from agent.config import Config
from agent.pipeline import Pipeline
from agent.regulator import Regulator
from agent.ship.spool import Spool
from agent.ship.uplink import Uplink
from agent.status.snapshot import Snapshot
from wire.estimates import estimates_of

REQUESTS_MAX: Final = 64
"""Callers that wait at once; one closed interval serves them all."""


@dataclass(slots=True)
class DaemonSource:
    """Answers from the parts of a daemon; `busy` keeps them from a step in progress."""

    config: Config
    session: Session
    spool: Spool
    pipeline: Pipeline
    uplink: Uplink
    regulator: Regulator
    busy: asyncio.Lock
    wake: asyncio.Event
    started: float  # monotonic seconds
    requests: list[asyncio.Event] = field(default_factory=list)  # to close the interval
    step_seconds: float = 0.0
    refused: str = ""
    ready: bool = False

    async def snapshot(self, *, exact: bool = False) -> Snapshot:
        """This moment; exact walks the map, so that both sides of counts agree."""
        async with self.busy:
            return await asyncio.to_thread(self._snapshot, exact)

    def _snapshot(self, exact: bool) -> Snapshot:
        pipeline, store = self.pipeline, self.pipeline.store
        uptime = time.monotonic() - self.started
        watch = self.session.watch
        return Snapshot(
            switch_id=self.config.agent.switch_id,
            version=assemble.version(),
            now_ns=time.time_ns(),
            uptime_seconds=uptime,
            spool=self.spool.state(),
            uplink=self.uplink.state(),
            ready=self.ready,
            problems=self._problems(),
            loader=self.session.loader,
            interfaces=watch.interfaces(),
            counters=pipeline.conservation() if exact else pipeline.counters,
            kernel=watch.statistics(),
            flows=pipeline.live,
            walked_ns=pipeline.walked_ns,
            flows_max=pipeline.settings.max_flows,
            flows_processed=store.flow_count,
            flows_per_second=store.flow_count / uptime if uptime > 0 else 0.0,
            closing_free=pipeline.ring.free,
            endpoints=store.registry.count,
            endpoints_max=store.registry.max_endpoints,
            evictions=store.registry.evicted,
            rss_bytes=rss_bytes(),
            step_seconds=self.step_seconds,
        )

    def _problems(self) -> tuple[str, ...]:
        found = [
            *self.session.watch.failures(),
            *self.pipeline.silent,
            *self.session.pinned.notes,
            *self.regulator.problems,
        ]
        if self.refused:
            found.append(self.refused)
        return tuple(found)

    async def sketches(self) -> Sequence[Mapping[str, Any]]:
        """The endpoints' estimates."""
        async with self.busy:
            kept = await asyncio.to_thread(self.pipeline.store.registry.endpoints)
        name = self.config.agent.switch_id
        return [asdict(item) for item in estimates_of(kept, name)]

    async def sync(self) -> None:
        """Close the interval now and deliver it."""
        if len(self.requests) < REQUESTS_MAX:
            done = asyncio.Event()
            self.requests.append(done)
            self.wake.set()
            await done.wait()
        self.uplink.wake(hurry=True)

    def take_requests(self) -> list[asyncio.Event]:
        """Those who wait for the interval to close; the caller sets their events."""
        waiting, self.requests = self.requests, []
        return waiting

    @property
    def has_collector(self) -> bool:
        """Whether there is anywhere to deliver to."""
        return bool(self.config.agent.backend_url)


def rss_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
