"""Waiting for what has been started: until it is well, until it ends, until we are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import aiohttp

from lab.netns import processes
from lab.netns.processes import Child
from lab.stage.telling import Tell

READY_S: Final = 60.0
"""An embedded store takes some seconds to open; bcc takes as long to compile."""

PROGRESS_S: Final = 5.0

T = TypeVar("T")


class ShowFailed(Exception):
    """The show cannot go on; one line for the user, and a log's last lines."""


async def whole(work: Callable[..., T], *arguments: Any) -> T:
    """Do blocking work to its end, also when we are cancelled: half a lab helps nobody."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def healthy(url: str) -> None:
    """Wait until a daemon says that it is well."""
    timeout = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)


async def within(waiting: Awaitable[Any], child: Child) -> None:
    """Wait for what a child is to reach. ShowFailed: it takes too long."""
    try:
        async with asyncio.timeout(READY_S):
            await waiting
    except TimeoutError:
        raise ShowFailed(
            f"{child.what}: not ready after {READY_S:.0f} s\n{child.last_words()}"
        ) from None


async def until_stopped(
    work: Coroutine[Any, Any, None], stop: asyncio.Event, tell: Tell
) -> None:
    """Do the work until it ends or somebody stops it; raise what it raises."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        tell("stopping", "stopping")
        working.cancel()
    stopping.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def until(
    ends: list[Awaitable[Any]], each: Callable[[], None] = lambda: None
) -> None:
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


async def ended(child: Child) -> None:
    """Wait for a child that ought not to end. ShowFailed: it has."""
    await child.process.wait()
    raise died(child)


def died(child: Child) -> ShowFailed:
    """Return how a child ended and the end of its log."""
    status = child.process.returncode
    return ShowFailed(f"{child.what}: ended with status {status}\n{child.last_words()}")


async def told(what: str, command: list[str]) -> str:
    """Run a command to its end and return what it printed."""
    child = await processes.start(what, command)
    try:
        lines = [line async for line in child.lines()]
        await within(child.process.wait(), child)
    finally:
        status = await child.stop()
    if status != 0:
        raise ShowFailed(f"{what}: ended with status {status}: see above")
    return "\n".join(lines)
