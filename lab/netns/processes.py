"""Processes of the lab, inside a namespace or outside; none outlives the command."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from lab.netns import namespace

LAST_LINES = 20
GRACE_S = 10.0
"""The agent closes a batch and the collector its store when they are told to stop."""


class Child:
    """One process: its output is kept in a file, or read line by line."""

    def __init__(self, what: str, process: Process, log: Path | None) -> None:
        self.what = what
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self.process.pid

    async def lines(self) -> AsyncIterator[str]:
        """Yield what it prints; only without a log file."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            yield line.decode("utf-8", "replace").rstrip()

    async def stop(self) -> int:
        """Ask it to end, then insist; return its exit status, negative for a signal."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), GRACE_S)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self.process.kill()
        return await self.process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        if self._log is None or not self._log.exists():
            return ""
        with self._log.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, LAST_LINES)).rstrip()


async def start(
    what: str,
    command: list[str],
    *,
    space: str = "",
    log: Path | None = None,
) -> Child:
    """Start a command, in a namespace when one is named.

    Its output goes to the log, else errors are shown and stdout is there for lines(). The
    process gets SIGTERM when this one dies, however that happens, and no Ctrl-C of its own:
    who started it decides the order in which things end.
    """
    if space:
        command = namespace.enter_command(space, command)
    command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    if log is None:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, env=environment(), start_new_session=True
        )
        return Child(what, process, None)
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=file,
            stderr=file,
            env=environment(),
            start_new_session=True,
        )
    return Child(what, process, log)


def module(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of our own programs: agent, collector or lab."""
    return [sys.executable, "-m", name, *arguments]


def environment() -> dict[str, str]:
    """Return this environment, made to find our programs from any directory."""
    home = str(Path(__file__).resolve().parents[2])
    found = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([home, found] if found else [home])
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
