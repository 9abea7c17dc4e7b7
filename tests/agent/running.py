"""A daemon in this process, in a namespace of its own, stepped by hand."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from agent import daemon
from agent.config import Agent, Capture, Config, load
from agent.ship.door import Door, open_session
from agent.ship.uplink import Clock, Uplink
from agent.source import DaemonSource
from tests.support.mix import mixed
from tests.support.namespaces import Namespace
from tests.support.sending import Sender, pack


def loaded(folder: Path, text: str) -> Config:
    """Return the settings of a file with this text."""
    path = folder / "agent.toml"
    path.write_text(text)
    return load(path, {}, {})


def config(folder: Path, pins: Path) -> Config:
    return Config(
        Agent(data_dir=str(folder), runtime_dir=str(folder), buffer_mb=1),
        Capture(interfaces=("right0",), pin_directory=str(pins), max_flows=1024, xdp="off",
                loader="libbpf"),
    )  # fmt: skip


@contextmanager
def started(settings: Config) -> Iterator[daemon.Daemon]:
    """A daemon that nothing ticks. Not from inside a loop: netlink has its own."""
    one = daemon.start(settings, lambda: settings)
    yield one
    one.session.close()
    one.spool.close()


@asynccontextmanager
async def asked(one: daemon.Daemon) -> AsyncIterator[DaemonSource]:
    """What a daemon's API asks."""
    agent = one.config.agent
    async with open_session() as session:
        door = Door(agent, session, time.monotonic)
        clock = Clock(time.monotonic, time.time_ns, lambda: 0.5)
        yield one._source(Uplink(one.spool, door, agent, clock))


def send(left: Namespace, right: Namespace, count: int) -> None:
    """Frames from left0 to right0, and wait until they are there."""
    packed = pack([frame for frame, _ in mixed(4, count)])
    with Sender(left, "left0") as sender:
        sender.send_packed(packed)
    right.wait_quiet("right0")
