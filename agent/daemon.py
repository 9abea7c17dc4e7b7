"""The shell: clock, signals, one TaskGroup; hands outputs to sinks and decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent import assemble, memory, plugins, settled
from agent.capture.session import Session
from agent.config import Config
from agent.flows.interval import cumulative
from agent.notify import Notifier
from agent.pipeline import Pipeline
from agent.records import Outputs, Tick
from agent.regulation.placing import Placement
from agent.regulation.predictions import Predictions
from agent.regulation.regulator import Clock as RegulatorClock, Regulator
from agent.regulation.rulings import Rulings
from agent.reload import Reload
from agent.reports import RegulatorState
from agent.serving import routes, served
from agent.ship.credentials import CredentialsError
from agent.ship.door import Door, open_session
from agent.ship.parcel import pack
from agent.ship.spool import AppendRefused, Spool
from agent.ship.uplink import Clock, Uplink
from agent.source import DaemonSource, rss_bytes
from agent.status.api import Route
from agent.status.regulation import in_brief
from agent.status.server import ServeError
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
        *assemble.bounds(agent),
    )


@dataclass(slots=True)
class Daemon:
    """What runs while the agent does."""

    config: Config
    session: Session
    spool: Spool
    pipeline: Pipeline
    regulator: Regulator
    placement: Placement
    predictions: Predictions
    reread: Callable[[], Config]  # raises ConfigError
    notifier: Notifier = field(default_factory=Notifier)
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # before the next tick
    stopping: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # to read settings again
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # what is in force
    started: float = field(default_factory=time.monotonic)
    refused: str = ""  # why the pending batch is not on disk yet

    async def run(self) -> None:
        """Run until a signal asks to stop; then report everything and leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self.asked.set)
        for note in self.session.pinned.notes:
            LOG.warning(note)
        agent = self.config.agent
        async with open_session() as session:
            door = Door(agent, session, time.monotonic)
            clock = Clock(time.monotonic, time.time_ns, random.random)
            uplink = Uplink(self.spool, door, agent, clock)
            source = self._source(uplink)
            reload = Reload(session, time.monotonic, self._adopt, self.changing)
            async with (
                served(self.config, source, self._routes(source)),
                asyncio.TaskGroup() as tasks,
            ):
                others = [
                    tasks.create_task(uplink.run()),
                    tasks.create_task(self._send_live(uplink)),
                    tasks.create_task(self.regulator.run()),
                    tasks.create_task(reload.run(source, self.asked, self.reread)),
                ]
                await self._tick_until_stopped(source)
                for task in others:
                    task.cancel()
            await self.regulator.leave()
            self.notifier.send("STOPPING=1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await uplink.drain()

    def _stop(self) -> None:
        self.stopping = True
        self.wake.set()

    def _adopt(self, config: Config) -> None:
        self.config = config
        self.wake.set()

    def _routes(self, source: DaemonSource) -> tuple[Route, ...]:
        rulings = Rulings(
            self.regulator,
            self.placement,
            lambda: settled.regulation(self.config),
            source.flow,
            lambda: len(self.pipeline.live),
            self.wake.set,
            self.changing,
        )
        return routes(source, rulings, self.predictions)

    def _source(self, uplink: Uplink) -> DaemonSource:
        return DaemonSource(
            config=self.config,
            session=self.session,
            spool=self.spool,
            pipeline=self.pipeline,
            uplink=uplink,
            regulator=self.regulator,
            placement=self.placement,
            predictions=self.predictions,
            busy=self.busy,
            wake=self.wake,
            started=self.started,
        )

    async def _send_live(self, uplink: Uplink) -> None:
        """A sample each second to the collector in use; lost without harm."""
        while True:
            await asyncio.sleep(TICK_S)
            await uplink.live(self._sample())

    def _sample(self) -> dict[str, Any]:
        interfaces = self.pipeline.watch.interfaces()
        return {
            "switch_id": self.config.agent.switch_id,
            "now_ns": time.time_ns(),
            "interfaces": cumulative(interfaces, self.pipeline.counters),
        }

    async def _tick_until_stopped(self, source: DaemonSource) -> None:
        while not self.stopping:
            started = time.monotonic()
            await self.step(source)
            if not source.ready:
                source.ready = True
                self.notifier.send("READY=1", "STATUS=counting")
                names = [item.name for item in self.pipeline.watch.interfaces()]
                LOG.info("ready: %s", ", ".join(names) or "no interface yet")
            # Fed by the tick, not by a timer: a step that hangs is a failure.
            self.notifier.send("WATCHDOG=1")
            rest = max(0.0, TICK_S - (time.monotonic() - started))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), rest)
            self.wake.clear()
        for _ in range(FINAL_BATCHES):
            await self.step(source, final=True)
            if self.refused or not len(self.pipeline.live):
                break
        await asyncio.to_thread(self.pipeline.plugins.leave)

    async def step(self, source: DaemonSource, *, final: bool = False) -> None:
        """One tick of the pipeline in a thread, and its outputs to where they go."""
        asked = source.take_requests()
        async with self.busy:
            started = time.monotonic()
            outputs = await asyncio.to_thread(
                self._step, source, bool(asked) or final, final
            )
            source.step_seconds = time.monotonic() - started
            source.refused = self.refused
        if outputs.batch is not None and not self.refused:
            source.uplink.wake()
        for request in asked:
            request.set()
        for note in outputs.notes:
            LOG.info(note)

    def _step(self, source: DaemonSource, closing: bool, final: bool) -> Outputs:
        now_ns, walked_ns = time.monotonic_ns(), self.pipeline.walked_ns
        tick = Tick(
            now_ns=now_ns,
            unix_offset_ns=time.time_ns() - now_ns,
            closing=closing,
            final=final,
            health=self._health(source.regulation()),
        )
        outputs = self.pipeline.step(tick)
        if self.pipeline.walked_ns != walked_ns:
            source.walk_seconds = (time.monotonic_ns() - now_ns) / assemble.SECOND_NS
        self._place()
        if outputs.batch is not None:
            self._keep(outputs.batch, time.time_ns())
        return outputs

    def _place(self) -> None:
        """Have the kernel know the match rules, and tell foresight what passed."""
        pipeline = self.pipeline
        interfaces = pipeline.watch.interfaces()
        self.predictions.observe(interfaces, pipeline.counters)
        if self.placement.step(
            self.session.kernel, interfaces, pipeline.walked_ns, pipeline.live
        ):
            pipeline.next_walk_ns = 0

    def _health(self, regulation: RegulatorState) -> dict[str, int | float | str]:
        """What a batch says of the agent itself."""
        spool = self.spool.state()
        return {
            **self.pipeline.health(),
            "uptime_seconds": round(time.monotonic() - self.started, 3),
            "cpu_seconds": round(time.process_time(), 3),
            "rss_bytes": rss_bytes(),
            "spool_bytes": spool.bytes,
            "spool_batches": spool.batches,
            "dropped_batches": spool.dropped_batches,
            "loader": self.session.loader,
            **in_brief(regulation),
        }

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
        memory.save(Path(self.config.agent.data_dir), self.pipeline.store)


def start(config: Config, reread: Callable[[], Config]) -> Daemon:
    """Open everything a daemon needs. Raises CaptureError, SpoolError."""
    spool = open_spool(config)
    if damaged := spool.state().damaged_bytes:
        told = "%s/spool: %d damaged bytes left out, all else is kept: check that disk"
        LOG.error(told, config.agent.data_dir, damaged)
    heard = plugins.load(config.agent.plugins, Path(config.agent.plugin_dir))
    session = assemble.session(config)
    sequence = spool.last_sequence(session.pinned.boot)
    pipeline = assemble.pipeline(config, session, sequence, time.time_ns())
    pipeline.plugins = heard
    settings = settled.regulation_in_force(config)
    regulator = Regulator(
        settings,
        settled.qos_directory(config),
        session.kernel,
        session.watch.interfaces,
        lambda: (pipeline.walked_ns / assemble.SECOND_NS, pipeline.live),
        RegulatorClock(time.monotonic_ns, time.time_ns),
        is_chosen=session.watch.wants,
    )
    placement = Placement()
    placement.take(settings.matches)
    predictions = Predictions(regulator, time.time)
    return Daemon(
        config, session, spool, pipeline, regulator, placement, predictions, reread
    )


def run(config: Config, reread: Callable[[], Config]) -> None:
    """Run until stopped; reread returns the settings as they are by then.

    Raises CaptureError, SpoolError, ServeError, CredentialsError.
    """
    daemon = start(config, reread)
    try:
        asyncio.run(daemon.run())
    except (ServeError, CredentialsError):
        daemon.session.abandon()
        raise
