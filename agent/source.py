"""Where the agent's API gets its answers: one moment of the running daemon."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent import assemble
from agent.capture.layout import VOLUME
from agent.capture.session import Session
from agent.config import Config
from agent.pipeline import Pipeline
from agent.regulation.placing import Ends, Placement
from agent.regulation.predictions import Predictions
from agent.regulation.regulator import Regulator
from agent.reports import RegulatorState
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
    placement: Placement
    predictions: Predictions
    busy: asyncio.Lock
    wake: asyncio.Event
    started: float  # monotonic seconds
    requests: list[asyncio.Event] = field(default_factory=list)  # to close the interval
    step_seconds: float = 0.0
    walk_seconds: float = 0.0
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
            walk_seconds=self.walk_seconds,
            step_seconds=self.step_seconds,
            regulator=self.regulation(),
            plugins=pipeline.plugins.states(),
        )

    def regulation(self) -> RegulatorState:
        """How QoS stands: trees, match rules, limits of flows."""
        limits = self.placement.limits
        over = self.session.kernel.limited() if limits else np.zeros(1, VOLUME)
        return replace(
            self.regulator.state,
            matches=len(self.placement.rules),
            limits=limits,
            over_packets=int(over["packets"].sum()),
            over_bytes=int(over["bytes"].sum()),
        )

    async def flow(self, number: int) -> Ends | None:
        """Which flow has an id of GET /flows."""
        async with self.busy:
            live = self.pipeline.live
            found = live[live["id"] == number]
        names = {item.slot: item.name for item in self.session.watch.interfaces()}
        return (
            Ends.of(found[0], names.get(int(found["slot"][0]), "")) if len(found) else None
        )

    def _problems(self) -> tuple[str, ...]:
        found = [
            *self.session.watch.failures(),
            *self.pipeline.silent,
            *self.session.pinned.notes,
            *self.regulator.problems,
            *(
                f"plug-in {one.name}: left alone until a restart: see the log"
                for one in self.pipeline.plugins.states()
                if one.is_dropped
            ),
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
