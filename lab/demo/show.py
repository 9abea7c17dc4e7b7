"""All of Weir at work on one machine: started in order, stopped in reverse order."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.demo.settings import CONFIG, Site, generated
from lab.demo.traffic import Traffic, Wish, summary
from lab.netns import namespace, processes, state, world
from lab.netns.processes import Child
from lab.netns.relay import relay
from lab.stage.collector import check_ports, collector
from lab.stage.telling import Tell
from lab.stage.waiting import (
    ShowFailed,
    died,
    ended,
    told,
    until,
    until_stopped,
    whole,
    within,
)

SECRET: Final = re.compile(r"\bweir_[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True)
class Show:
    """What is to be shown."""

    prefix: str
    hosts: int
    interface: str  # empty: a router in namespaces
    port: int
    directory: Path | None
    wish: Wish


async def show(order: Show, stop: asyncio.Event, tell: Tell) -> int:
    """Run everything until `stop`, the end of the time, or a failure; leave nothing."""
    _check(order)
    await until_stopped(_work(order, tell), stop, tell)
    return 0


async def _work(order: Show, tell: Tell) -> None:
    site = _site(order)
    await undo(order.prefix, tell, site)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_down, order.prefix, tell)
        space = await _place(order, site, tell)
        collector = await stack.enter_async_context(_collector(order.prefix, site, tell))
        if space:
            await stack.enter_async_context(relay(space, site.agent_port))
        agent = await stack.enter_async_context(_agent(order.prefix, site, space, tell))
        ends: list[Awaitable[Any]] = [ended(collector), ended(agent)]
        traffic = None
        if space:
            plan = await whole(world.standing, order.prefix)
            traffic = await stack.enter_async_context(Traffic(plan, order.wish))
            ends.append(traffic.finished())
        else:
            ends.append(asyncio.sleep(order.wish.seconds))
        tell("ready", f"console: {site.url}  (Ctrl-C ends everything)", url=site.url)
        await until(ends, lambda: _progress(agent, traffic, tell))
        tell("stopping", "the time is over")


async def undo(prefix: str, tell: Tell, site: Site | None = None) -> None:
    """End what an earlier run has left behind, then detach what its agent has attached."""
    known = state.load(prefix)
    if known:
        await whole(state.end_processes, known.processes, processes.GRACE_S)
    directories = [Path(path) for path in known.directories] if known else []
    if site is not None:
        directories.append(site.directory)
    router = f"{prefix}-router"
    space = router if namespace.exists(router) else ""
    for directory in directories:
        if await whole(_has_settings, directory):
            await _detach(directory / CONFIG, space, tell)


def _has_settings(directory: Path) -> bool:
    try:
        return (directory / CONFIG).exists()
    except PermissionError:
        return False  # bpffs, where pins are, refuses any name with a dot.


def _check(order: Show) -> None:
    if order.interface and order.interface not in [n for _, n in socket.if_nameindex()]:
        raise ShowFailed(f"{order.interface}: no such interface: `ip link` lists them")
    known = state.load(order.prefix)
    if known and any(state.is_alive(process) for process in known.processes):
        raise ShowFailed(f"{order.prefix} is at work: stop it first, or give --prefix")
    check_ports(order.port, order.port + 1)


def _site(order: Show) -> Site:
    return Site(
        directory=(order.directory or state.STORAGE / order.prefix).absolute(),
        port=order.port,
        pins=Path("/sys/fs/bpf") / order.prefix,
        switch_id=socket.gethostname() if order.interface else order.prefix,
    )


async def _place(order: Show, site: Site, tell: Tell) -> str:
    """Bring the place up, write the settings; return the agent's namespace or nothing."""
    space = ""
    interfaces: tuple[str, ...] = (order.interface,)
    if not order.interface:
        plan = await whole(world.up, order.prefix, order.hosts)
        space, interfaces = plan.router, ("lan0", "wan0")
        tell("up", f"{order.prefix} is up: {len(plan.hosts)} clients, router, server")
    known = state.load(order.prefix) or state.State(order.prefix)
    known.directories = [str(site.pins)]
    if order.directory is None:
        known.directories.append(str(site.directory))
    state.save(known)
    site.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    site.config.write_text(generated(site, interfaces), "utf-8")
    return space


async def _down(prefix: str, tell: Tell) -> None:
    await whole(world.down, prefix)
    tell("down", f"{prefix} is down, nothing is left")


@asynccontextmanager
async def _collector(prefix: str, site: Site, tell: Tell) -> AsyncIterator[Child]:
    words = ("-c", str(site.config))
    log = site.directory / "collector.log"

    def remember(child: Child) -> None:
        state.remember_process(prefix, child.pid, child.what)

    async with collector(words, site.url, log, remember) as child:
        asked = ("token", "add", "--agent", site.switch_id, *words)
        said = await told("collector token", processes.module("collector", *asked))
        secret = SECRET.search(said)
        if secret is None:
            raise ShowFailed("collector token: printed no token")
        site.token_file.touch(mode=0o600)
        site.token_file.write_text(secret[0] + "\n", "ascii")
        tell("collector", f"collector runs, log {log}")
        yield child


@asynccontextmanager
async def _agent(prefix: str, site: Site, space: str, tell: Tell) -> AsyncIterator[Child]:
    log = site.directory / "agent.log"
    async with processes.announcements(site.directory / "notify") as ready:
        child = await processes.start(
            "agent",
            processes.module("agent", "run", "-c", str(site.config)),
            space=space,
            log=log,
            more={"NOTIFY_SOCKET": str(site.directory / "notify")},
        )
        state.remember_process(prefix, child.pid, child.what)
        try:
            await until([within(ready.wait(), child), ended(child)])
            tell("agent", f"agent runs{f' in {space}' if space else ''}, log {log}")
            yield child
        finally:
            await child.stop()
            await _detach(site.config, space, tell)


async def _detach(config: Path, space: str, tell: Tell) -> None:
    child = await processes.start(
        "agent detach",
        processes.module("agent", "detach", "-c", str(config)),
        space=space,
        log=config.with_name("agent.log"),
    )
    try:
        await within(child.process.wait(), child)
    finally:
        if await child.stop() != 0:
            tell("detach", str(died(child)))


def _progress(agent: Child, traffic: Traffic | None, tell: Tell) -> None:
    totals = traffic.totals() if traffic else {}
    wire = interface_bytes(agent.pid)
    parts = [f"{name} {(rx + tx) / 1e6:.1f} MB" for name, (rx, tx) in wire.items()]
    text = "; ".join([", ".join(parts), *([summary(totals)] if traffic else [])])
    tell("progress", text, interfaces=wire, traffic=totals)


def interface_bytes(pid: int) -> dict[str, tuple[int, int]]:
    """Return what each interface of a process's namespace received and sent, in bytes."""
    found = {}
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/net/dev").read_text("ascii").splitlines()[2:]:
            name, _, numbers = line.partition(":")
            columns = numbers.split()
            if name.strip() != "lo":
                found[name.strip()] = int(columns[0]), int(columns[8])
    return found
