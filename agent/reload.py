"""Other settings for an agent that runs: what can be taken at once, and what cannot."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession

from agent import assemble, logs, settled
from agent.config import Agent, Capture, Config
from agent.pipeline import Pipeline
from agent.qos.section import Settings
from agent.records import Array
from agent.ship.credentials import CredentialsError
from agent.ship.door import Door
from agent.source import DaemonSource
from wire.settings import ConfigError

LOG: Final = logging.getLogger("weir.agent")

LIVE: Final = frozenset(
    {
        "backend_url", "token", "token_file", "ca_file", "client_cert", "client_key",
        "compression", "sync_interval", "retry_attempts", "retry_backoff",
        "upload_timeout", "buffer_hours", "buffer_mb", "log_level", "log_format",
        "interfaces", "filter", "idle_timeout", "active_timeout", "fin_linger",
        "walk_interval", "interface",
    }
)  # fmt: skip
"""Keys of [agent] and [capture] that a running agent takes over; all of [qos] are."""


@dataclass(frozen=True, slots=True)
class Change:
    """From the settings in force to those that were read."""

    config: Config  # to be in force: what needs a restart is as it was
    taken: tuple[str, ...]  # keys that change at once
    waiting: tuple[str, ...]  # keys that need a restart

    def words(self) -> str:
        """Return what happens, in one line."""
        if not self.taken and not self.waiting:
            return "settings read again: nothing has changed"
        told = f"settings read again: {', '.join(self.taken) or 'nothing taken over'}"
        if self.waiting:
            told += f"; restart weir-agent for {', '.join(self.waiting)}"
        return told


def change(old: Config, new: Config) -> Change:
    """Return what becomes of the difference of two settings."""
    agent, waiting_agent = _section(old.agent, new.agent)
    capture, waiting_capture = _section(old.capture, new.capture)
    taken = [*_differing(old.agent, agent), *_differing(old.capture, capture)]
    waiting = [*waiting_agent, *waiting_capture]
    if old.qos != new.qos:
        taken.append("[qos]")
    if old.forecast != new.forecast:
        waiting.append("[forecast]")
    config = Config(agent, capture, new.qos, old.forecast)
    return Change(config, tuple(taken), tuple(waiting))


def _section(old: Any, new: Any) -> tuple[Any, list[str]]:
    """Return the new section as far as it can be had now, and the keys that wait."""
    waiting = [name for name in _differing(old, new) if name not in LIVE]
    kept = {name: getattr(old, name) for name in waiting}
    return dataclasses.replace(new, **kept), waiting


def _differing(old: Any, new: Any) -> list[str]:
    return [
        field.name
        for field in dataclasses.fields(old)
        if getattr(old, field.name) != getattr(new, field.name)
    ]


@dataclass(frozen=True, slots=True)
class Reload:
    """Takes new settings whenever somebody asks for it."""

    session: ClientSession  # for every door
    clock: Callable[[], float]  # monotonic
    adopt: Callable[[Config], None]
    changing: asyncio.Lock  # held by the API too, while it changes rules

    async def run(
        self, source: DaemonSource, asked: asyncio.Event, reread: Callable[[], Config]
    ) -> None:
        """Take what can be taken; wrong settings change nothing. reread: ConfigError."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                told = await self.take(await asyncio.to_thread(reread), source)
            except (ConfigError, CredentialsError, ValueError, OSError) as error:
                LOG.error("settings stay as they were: %s", error)
            else:
                LOG.info(told)

    async def take(self, read: Config, source: DaemonSource) -> str:
        """Take new settings, all that can be taken or none; tell what was done.

        Raises ConfigError, CredentialsError, ValueError, OSError.
        """
        async with self.changing:
            old = source.config
            after = change(old, read)
            config = after.config
            # Whatever may be refused comes first.
            settings = await asyncio.to_thread(settled.regulation_in_force, config)
            await source.regulator.ask(lambda: source.regulator.check(settings))
            source.placement.check(settings.matches)
            tests = settled.capture_filter(config.capture.filter)
            door = await asyncio.to_thread(Door, config.agent, self.session, self.clock)
            async with source.busy:
                await asyncio.to_thread(_count_by, source, config, settings, tests)
            if config.qos != old.qos:
                await source.regulator.ask(lambda: source.regulator.take(settings))
            if config.agent != old.agent:
                source.uplink.take(door, config.agent)
                is_journal = "JOURNAL_STREAM" in os.environ
                agent = config.agent
                logs.configure(agent.log_level, agent.log_format, journal=is_journal)
            source.config = config
            self.adopt(config)
            return after.words()


def _count_by(
    source: DaemonSource, config: Config, settings: Settings, tests: Array
) -> None:
    """Count, and keep what was counted, by these settings."""
    source.session.kernel.set_filter(tests)
    source.session.watch.choose(assemble.choice(config.capture, settings.interfaces))
    source.placement.take(settings.matches)
    source.spool.bound(*assemble.bounds(config.agent))
    rhythm(source.pipeline, config.agent, config.capture)


def rhythm(pipeline: Pipeline, agent: Agent, capture: Capture) -> None:
    """Have the pipeline's times be those of the settings."""
    pipeline.settings = dataclasses.replace(
        pipeline.settings,
        timeouts=assemble.timeouts(capture),
        walk_ns=int(capture.walk_interval * assemble.SECOND_NS),
        batch_ns=int(agent.sync_interval * assemble.SECOND_NS),
    )
    # Both begin anew: what was due long after is not waited for.
    pipeline.next_walk_ns = pipeline.next_batch_ns = 0
