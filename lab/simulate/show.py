"""The simulator put together: a source, an agent, a collector that is there or our own."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta, timezone
from importlib import metadata
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from agent.config import Agent, load
from agent.ship.spool import SpoolError
from agent.sketch.store import Origin, Settings
from lab.simulate.clock import Clock
from lab.simulate.delivery import Delivery, delivering
from lab.simulate.edge import Edge
from lab.simulate.flows import Second
from lab.simulate.player import Player, pace
from lab.simulate.source import Wish, recorded, source
from lab.simulate.timeline import Moment, moments
from lab.stage.collector import check_ports, collector
from lab.stage.telling import Tell
from lab.stage.waiting import ShowFailed, ended, until, until_stopped, whole
from wire.settings import ConfigError

FAREWELL_S: Final = 5.0
"""What a stop may spend on delivering the last batch."""

PATIENCE_S: Final = 30.0
"""What the end of a simulation may, whose batches somebody waits for."""


@dataclass(frozen=True, slots=True)
class Show:
    """What is to be done."""

    wish: Wish
    speed: float
    name: str  # of the agent
    url: str  # the collector's; empty: one of our own, at the port
    token_file: str
    port: int
    directory: Path | None  # None: one that is gone afterwards
    record: Path | None

    @property
    def is_lasting(self) -> bool:
        """Tell whether the agent and its console stay when a file has ended."""
        return not self.url and self.wish.seconds is None


class Begun(NamedTuple):
    """A source whose first second is known."""

    start_ns: int
    seconds: Iterator[Second]


async def show(order: Show, stop: asyncio.Event, tell: Tell) -> int:
    """Simulate until `stop`, the end of the source, or a failure; leave no process."""
    if not order.url:
        check_ports(order.port)
    await until_stopped(_work(order, tell), stop, tell)
    return 0


async def _work(order: Show, tell: Tell) -> None:
    async with AsyncExitStack() as stack:
        directory = order.directory
        if directory is None:
            kept = TemporaryDirectory(prefix="weir-simulate-")
            directory = Path(stack.enter_context(kept))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        seconds = source(order.wish)
        if order.record is not None:
            file = stack.enter_context(order.record.open("w", encoding="utf-8"))
            seconds = recorded(seconds, file)
        begun = await _begun(seconds, order)
        ends: list[Awaitable[Any]] = []
        url = order.url
        if not url:
            url = f"http://127.0.0.1:{order.port}"
            log = directory / "collector.log"
            running = collector(_words(order.port, directory), url, log)
            ends.append(ended(await stack.enter_async_context(running)))
            tell("collector", f"collector runs, log {log}")
        agent = _agent(order, url, directory)
        delivery = await stack.enter_async_context(delivering(agent))
        await _send(order, agent, begun, delivery, ends, tell)


async def _begun(seconds: Iterator[Second], order: Show) -> Begun:
    """Return a source once its first second is there: what cannot be read is said now."""
    first = await whole(next, seconds, None)
    if first is None:
        raise ShowFailed(f"{order.wish.replay}: no flows there")
    return Begun(first.start_ns, chain([first], seconds))


async def _send(
    order: Show,
    agent: Agent,
    begun: Begun,
    delivery: Delivery,
    ends: list[Awaitable[Any]],
    tell: Tell,
) -> None:
    clock = Clock()
    rhythm = pace(order.speed, clock.now_ns())
    start_ns = rhythm.began_ns if order.speed else begun.start_ns
    edge = Edge(_origin(agent), _settings(agent, order.wish), start_ns)
    player = Player(edge, delivery, clock, order.speed)
    coming = moments(begun.seconds, rhythm, lasting=order.is_lasting)
    if not order.url:
        text = f"console: http://127.0.0.1:{order.port}  (Ctrl-C ends everything)"
        tell("ready", text, url=f"http://127.0.0.1:{order.port}")
    patience_s = FAREWELL_S
    try:
        await until(
            [_play(player, coming, order), delivery.uplink.run(), *ends],
            lambda: _report("progress", edge, delivery, tell),
        )
        patience_s = PATIENCE_S
    except ShowFailed:
        patience_s = 0
        raise
    finally:
        await player.finish()
        try:
            left = await delivery.finish(patience_s)
        finally:
            _report("end", edge, delivery, tell)
    if left:
        raise ShowFailed(_left(left, order))


async def _play(player: Player, coming: Iterator[Moment], order: Show) -> None:
    try:
        await player.play(coming)
    except SpoolError as error:
        raise ShowFailed(str(error)) from error
    if order.is_lasting:
        await asyncio.Event().wait()


def _words(port: int, directory: Path) -> tuple[str, ...]:
    return (
        "--bind-host=127.0.0.1",
        f"--agent-port={port}",
        f"--console-port={port}",
        "--auth=none",
        f"--data-dir={directory / 'collector'}",
    )


def _agent(order: Show, url: str, directory: Path) -> Agent:
    """Return the agent's settings, by its own rules and without a file of any."""
    token_file = Path(order.token_file).absolute() if order.token_file else ""
    given = {
        "switch_id": order.name,
        "backend_url": url,
        "token_file": str(token_file),
        "data_dir": str(directory / "agent"),
    }
    try:
        return load(Path(os.devnull), {}, given).agent
    except ConfigError as error:
        raise ShowFailed(str(error)) from None


def _origin(agent: Agent) -> Origin:
    version, host = metadata.version("weir"), socket.gethostname()
    return Origin(agent.switch_id, secrets.token_bytes(16), 1, version, host)


def _settings(agent: Agent, wish: Wish) -> Settings:
    return Settings(
        max_endpoints=max(agent.max_endpoints, wish.endpoints),
        local_networks=agent.local_networks,
        zone=timezone(timedelta(seconds=wish.offset_s)),
    )


def _report(event: str, edge: Edge, delivery: Delivery, tell: Tell) -> None:
    flows, octets = edge.flows, edge.bytes
    sent, waiting = delivery.uplink.state().batches_sent, delivery.spool.state().batches
    text = f"{flows:,} flows, {octets / 1e6:,.1f} MB; batches delivered: {sent}"
    text += f", waiting: {waiting}" if waiting else ""
    tell(event, text, flows=flows, bytes=octets, batches=sent, waiting=waiting)


def _left(left: int, order: Show) -> str:
    if order.directory is None:
        return f"batches not delivered, and lost: {left}: --directory keeps them"
    return f"batches not delivered: {left}: they wait in {order.directory} for a next run"
