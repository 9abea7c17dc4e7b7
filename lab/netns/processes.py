"""Processes of the lab, inside a namespace or outside; none outlives the command."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
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
        self._handle: int | None = None
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(process.pid)

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
        try:
            if self.process.returncode is None:
                self._signal(signal.SIGTERM)
                async with asyncio.timeout(GRACE_S):
                    await self.process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
        status = await self.process.wait()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return status

    def _signal(self, number: signal.Signals) -> None:
        # Not process.terminate(): it collects an ended child behind asyncio's back.
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

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
    more: Mapping[str, str] | None = None,
) -> Child:
    """Start a command, in a namespace when one is named.

    Its output goes to the log, else errors are shown and stdout is there for lines(); more
    is added to its environment. The process gets SIGTERM when this one dies, however that
    happens, and no Ctrl-C of its own: who started it decides the order in which things end.
    """
    if space:
        command = namespace.enter_command(space, command)
    command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    settings = environment() | dict(more or {})
    if log is None:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, env=settings, start_new_session=True
        )
        return Child(what, process, None)
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=file,
            stderr=file,
            env=settings,
            start_new_session=True,
        )
    return Child(what, process, log)


@asynccontextmanager
async def announcements(path: Path) -> AsyncIterator[asyncio.Event]:
    """Stand in for systemd at a NOTIFY_SOCKET: the event is set once READY=1 has come."""
    _gone(path)
    ready = asyncio.Event()
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    ) as listener:
        listener.bind(str(path))
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if b"READY=1" in listener.recv(4096).split(b"\n"):
                ready.set()

        loop.add_reader(listener, heard)
        try:
            yield ready
        finally:
            loop.remove_reader(listener)
            _gone(path)


def _gone(path: Path) -> None:
    path.unlink(missing_ok=True)


def module(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of our own programs: agent, collector or lab."""
    return [sys.executable, "-m", name, *arguments]


def environment() -> dict[str, str]:
    """Return this environment, made to find our programs from any directory."""
    home = str(Path(__file__).resolve().parents[2])
    found = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([home, found] if found else [home])
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
