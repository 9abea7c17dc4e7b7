"""All of Weir at work on one machine: started in order, stopped in reverse order."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from lab.demo.settings import CONFIG, Site, generated
from lab.demo.traffic import Traffic, Wish, summary
from lab.netns import namespace, processes, state, world
from lab.netns.processes import Child
from lab.netns.relay import relay

READY_S: Final = 60.0
"""An embedded store takes some seconds to open; bcc takes as long to compile."""

PROGRESS_S: Final = 5.0
SECRET: Final = re.compile(r"\bweir_[A-Za-z0-9_-]{20,}")

Tell = Callable[..., None]
T = TypeVar("T")


class ShowFailed(Exception):
    """The demonstration cannot go on; one line for the user, and a log's last lines."""


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
    working = asyncio.ensure_future(_work(order, tell))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        tell("stopping", "stopping")
        working.cancel()
    stopping.cancel()
    with suppress(asyncio.CancelledError):
        await working
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
        ends: list[Awaitable[Any]] = [_ended(collector), _ended(agent)]
        traffic = None
        if space:
            plan = await _whole(world.standing, order.prefix)
            traffic = await stack.enter_async_context(Traffic(plan, order.wish))
            ends.append(traffic.finished())
        else:
            ends.append(asyncio.sleep(order.wish.seconds))
        tell("ready", f"console: {site.url}  (Ctrl-C ends everything)", url=site.url)
        await _until(ends, lambda: _progress(agent, traffic, tell))
        tell("stopping", "the time is over")


async def undo(prefix: str, tell: Tell, site: Site | None = None) -> None:
    """Detach what an agent of an earlier run has left in the kernel."""
    known = state.load(prefix)
    directories = [Path(path) for path in known.directories] if known else []
    if site is not None:
        directories.append(site.directory)
    router = f"{prefix}-router"
    space = router if namespace.exists(router) else ""
    for directory in directories:
        if (directory / CONFIG).exists():
            await _detach(directory / CONFIG, space, tell)


async def _whole(work: Callable[..., T], *arguments: Any) -> T:
    """Do blocking work to its end, also when we are cancelled: half a lab helps nobody."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _check(order: Show) -> None:
    if order.interface and order.interface not in [n for _, n in socket.if_nameindex()]:
        raise ShowFailed(f"{order.interface}: no such interface: `ip link` lists them")
    known = state.load(order.prefix)
    if known and any(state.is_alive(process) for process in known.processes):
        raise ShowFailed(f"{order.prefix} is at work: stop it first, or give --prefix")
    for port in (order.port, order.port + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise ShowFailed(
                    f"port {port}: {error.strerror}: stop what uses it, or give --port"
                ) from error


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
        plan = await _whole(world.up, order.prefix, order.hosts)
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
    await _whole(world.down, prefix)
    tell("down", f"{prefix} is down, nothing is left")


@asynccontextmanager
async def _collector(prefix: str, site: Site, tell: Tell) -> AsyncIterator[Child]:
    config = str(site.config)
    log = site.directory / "collector.log"
    child = await processes.start(
        "collector", processes.module("collector", "run", "-c", config), log=log
    )
    state.remember_process(prefix, child.pid, child.what)
    try:
        await _until(
            [_within(_healthy(f"{site.url}/health"), child), _ended(child)], lambda: None
        )
        words = ("token", "add", "--agent", site.switch_id, "-c", config)
        told = await _command("token", "collector", *words)
        secret = SECRET.search(told)
        if secret is None:
            raise ShowFailed("collector token: printed no token")
        site.token_file.touch(mode=0o600)
        site.token_file.write_text(secret[0] + "\n", "ascii")
        tell("collector", f"collector runs, log {log}")
        yield child
    finally:
        await child.stop()


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
            await _until([_within(ready.wait(), child), _ended(child)], lambda: None)
            tell("agent", f"agent runs{f' in {space}' if space else ''}, log {log}")
            yield child
        finally:
            await child.stop()
            await _detach(site.config, space, tell)


async def _detach(config: Path, space: str, tell: Tell) -> None:
    try:
        await _command("detach", "agent", "detach", "-c", str(config), space=space)
    except ShowFailed as failure:
        tell("detach", str(failure))


async def _healthy(url: str) -> None:
    """Wait until a daemon says that it is well."""
    timeout = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)


async def _within(waiting: Awaitable[Any], child: Child) -> None:
    try:
        async with asyncio.timeout(READY_S):
            await waiting
    except TimeoutError:
        raise ShowFailed(
            f"{child.what}: not ready after {READY_S:.0f} s\n{child.last_words()}"
        ) from None


async def _ended(child: Child) -> None:
    await child.process.wait()
    raise _died(child)


def _died(child: Child) -> ShowFailed:
    status = child.process.returncode
    return ShowFailed(f"{child.what}: ended with status {status}\n{child.last_words()}")


async def _command(what: str, program: str, *words: str, space: str = "") -> str:
    """Run one of our commands to its end and return what it printed."""
    child = await processes.start(what, processes.module(program, *words), space=space)
    try:
        lines = [line async for line in child.lines()]
        async with asyncio.timeout(READY_S):
            status = await child.process.wait()
    finally:
        await child.stop()
    if status != 0:
        raise ShowFailed(f"{program} {words[0]}: ended with status {status}: see above")
    return "\n".join(lines)


async def _until(ends: list[Awaitable[Any]], each: Callable[[], None]) -> None:
    """Wait for the first of several ends; raise what it raises."""
    tasks = [asyncio.ensure_future(end) for end in ends]
    try:
        while True:
            done, _ = await asyncio.wait(
                tasks, timeout=PROGRESS_S, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
            if done:
                return
            each()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _progress(agent: Child, traffic: Traffic | None, tell: Tell) -> None:
    totals = traffic.totals() if traffic else {}
    wire = interface_bytes(agent.pid)
    parts = [f"{name} {(rx + tx) / 1e6:.1f} MB" for name, (rx, tx) in wire.items()]
    text = "; ".join([", ".join(parts), *([summary(totals)] if traffic else [])])
    tell("progress", text, interfaces=wire, traffic=totals)


def interface_bytes(pid: int) -> dict[str, tuple[int, int]]:
    """Return what each interface of a process's namespace received and sent, in bytes."""
    found = {}
    for line in Path(f"/proc/{pid}/net/dev").read_text("ascii").splitlines()[2:]:
        name, _, numbers = line.partition(":")
        columns = numbers.split()
        if name.strip() != "lo":
            found[name.strip()] = int(columns[0]), int(columns[8])
    return found
