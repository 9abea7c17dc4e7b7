"""The shell: clock, signals, one TaskGroup; hands outputs to sinks and decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent import assemble
from agent.capture.session import Session
from agent.config import Config
from agent.flows.interval import cumulative
from agent.notify import Notifier
from agent.pipeline import Pipeline
from agent.records import Outputs, Tick
from agent.ship.door import Door, open_session, read_secret, tls_context
from agent.ship.parcel import pack
from agent.ship.spool import AppendRefused, Spool
from agent.ship.uplink import Clock, Uplink
from wire.batch import Batch

TICK_S: Final = 1.0
FAREWELL_S: Final = 5.0
"""What a stop may spend on delivering the last batch; the spool keeps it otherwise."""

FINAL_BATCHES: Final = 64
"""Batches that a stop may need to end every flow: the map's size over the ring's."""

LOG: Final = logging.getLogger("weir.agent")


def open_spool(config: Config) -> Spool:
    """The spool in the data directory. Raises SpoolError."""
    agent = config.agent
    return Spool(
        Path(agent.data_dir) / "spool",
        max_bytes=agent.buffer_mb << 20,
        max_age_ns=int(agent.buffer_hours * 3600) * assemble.SECOND_NS,
    )


@dataclass(slots=True)
class Daemon:
    """What runs while the agent does."""

    config: Config
    session: Session
    spool: Spool
    pipeline: Pipeline
    notifier: Notifier = field(default_factory=Notifier)
    uplink: Uplink | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    refused: str = ""  # why the pending batch is not on disk yet
    step_seconds: float = 0.0

    async def run(self) -> None:
        """Run until a signal asks to stop; then report everything and leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        for note in self.session.pinned.notes:
            LOG.warning(note)
        agent = self.config.agent
        async with open_session(agent) as session:
            door = Door(agent, session, time.monotonic)
            clock = Clock(time.monotonic, time.time_ns, random.random)
            self.uplink = Uplink(self.spool, door, agent, clock)
            async with asyncio.TaskGroup() as tasks:
                others = [
                    tasks.create_task(self.uplink.run()),
                    tasks.create_task(self._send_live()),
                ]
                await self._tick_until_stopped()
                for task in others:
                    task.cancel()
            self.notifier.send("STOPPING=1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self.uplink.drain()

    async def _send_live(self) -> None:
        """A sample each second to the collector in use; lost without harm."""
        assert self.uplink is not None
        while True:
            await asyncio.sleep(TICK_S)
            if self.config.agent.backend_url:
                await self.uplink.live(self._sample())

    def _sample(self) -> dict[str, Any]:
        interfaces = self.pipeline.watch.interfaces()
        return {
            "switch_id": self.config.agent.switch_id,
            "now_ns": time.time_ns(),
            "interfaces": cumulative(interfaces, self.pipeline.counters),
        }

    async def _tick_until_stopped(self) -> None:
        ready = False
        while not self.stopping.is_set():
            started = time.monotonic()
            await self.step()
            if not ready:
                ready = True
                self.notifier.send("READY=1", "STATUS=counting")
                LOG.info("ready: %s", ", ".join(self._watched()) or "no interface yet")
            # Fed by the tick, not by a timer: a step that hangs is a failure.
            self.notifier.send("WATCHDOG=1")
            rest = max(0.0, TICK_S - (time.monotonic() - started))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), rest)
        for _ in range(FINAL_BATCHES):
            await self.step(closing=True, final=True)
            if self.refused or not len(self.pipeline.live):
                break

    def _watched(self) -> list[str]:
        return [item.name for item in self.pipeline.watch.interfaces()]

    async def step(self, *, closing: bool = False, final: bool = False) -> None:
        """One tick of the pipeline in a thread, and its outputs to where they go."""
        async with self.busy:
            started = time.monotonic()
            outputs = await asyncio.to_thread(self._step, closing, final)
            self.step_seconds = time.monotonic() - started
        if outputs.batch is not None and not self.refused and self.uplink is not None:
            self.uplink.wake()
        for note in outputs.notes:
            LOG.info(note)

    def _step(self, closing: bool, final: bool) -> Outputs:
        now_ns = time.monotonic_ns()
        tick = Tick(
            now_ns=now_ns,
            unix_offset_ns=time.time_ns() - now_ns,
            closing=closing,
            final=final,
            health=self.pipeline.health(),
        )
        outputs = self.pipeline.step(tick)
        if outputs.batch is not None:
            self._keep(outputs.batch, time.time_ns())
        return outputs

    def _keep(self, batch: Batch, now_ns: int) -> None:
        """Put the batch on disk, or let it wait."""
        try:
            parcel = pack(batch, self.config.agent.compression)
            self.spool.append(parcel, now_ns)
        except AppendRefused as error:
            if str(error) != self.refused:
                self.refused = str(error)
                LOG.error("batch %d waits: %s", batch.sequence, error)
            return
        self.refused = ""
        self.pipeline.committed()


def start(config: Config) -> Daemon:
    """Open everything a daemon needs. Raises CaptureError, SpoolError."""
    spool = open_spool(config)
    session = assemble.session(config)
    last = spool.last_sequence(session.pinned.boot)
    pipeline = assemble.pipeline(config, session, last, time.time_ns())
    return Daemon(config, session, spool, pipeline)


def check(config: Config) -> None:
    """Read what signing in needs. Raises DoorError."""
    tls_context(config.agent)
    for path in (config.agent.token_file, config.agent.api_token_file):
        if path:
            read_secret(path)
