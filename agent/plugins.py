"""Plug-ins that hear of live flows: loaded from root's own files, each in its own thread.

What a plug-in does is its own affair: one that raises or is slow is counted and in the end
left alone, and the agent counts on. It has the agent's privileges, so its file and all
directories above must be such that only root can write there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

from agent.records import Array
from agent.reports import PluginState
from wire.listeners import Listeners
from wire.settings import ConfigError

LOG: Final = logging.getLogger("weir.agent")

WAITING_WALKS: Final = 64
WAITING_FLOWS: Final = 100_000
"""What may wait for a plug-in that is busy; it does not hear of walks beyond that."""

SKIPPED_LIMIT: Final = 5
"""A plug-in that missed so many walks in a row is not called any more."""

ANYBODY: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(slots=True)
class Plugin:
    """One plug-in and its thread."""

    name: str
    listeners: Listeners
    walks: int = 0  # heard to the end
    skipped: int = 0  # not heard: too much was waiting
    missed: int = 0  # in a row
    dropped: bool = False
    leaving: bool = False
    ready: threading.Event = field(default_factory=threading.Event)
    waiting: deque[Array] = field(default_factory=deque)  # the one it is at comes first
    _thread: threading.Thread | None = None
    _told: bool = False

    @property
    def failures(self) -> int:
        """How often it raised."""
        return self.listeners.failures[0]

    def state(self) -> PluginState:
        """Return counts for the metrics."""
        return PluginState(self.name, self.walks, self.skipped, self.failures, self.dropped)

    def start(self) -> None:
        """Begin to listen."""
        # A plug-in that hangs shall not keep the agent from ending.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.dropped:
            self.ready.wait()
            self.ready.clear()
            # The list is emptied elsewhere once this one is dropped.
            with contextlib.suppress(IndexError):
                while not self.dropped:
                    tell(self.listeners, self.waiting[0])
                    self.waiting.popleft()
                    self.walks += 1
            if self.leaving:
                return

    def leave(self, seconds: float) -> None:
        """Let it finish what it hears."""
        self.leaving = True
        self.ready.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def offer(self, deltas: Array) -> None:
        """Give it one walk's flows, unless too much waits already."""
        if self.dropped:
            return
        flows = sum(map(len, self.waiting))
        if len(self.waiting) < WAITING_WALKS and (
            not flows or flows + len(deltas) <= WAITING_FLOWS
        ):
            self.missed = 0
            self.waiting.append(deltas)
            self.ready.set()
            return
        self.skipped += 1
        self.missed += 1
        if self.missed >= SKIPPED_LIMIT:
            self._drop(f"too slow, it missed {self.missed} walks in a row")

    def _drop(self, reason: str) -> None:
        self.dropped = True
        self.waiting.clear()  # What hangs may never come back to it.
        self.ready.set()
        LOG.error("plug-in %s: %s: left alone until a restart", self.name, reason)

    def report(self) -> None:
        """Say once that it raises, and once that it is not called any more."""
        last = self.listeners.last_failure[0]
        if self.listeners.silenced() and not self.dropped:
            self._drop(f"it always fails, {last}")
        elif self.failures and not self._told:
            LOG.warning("plug-in %s: %s: correct it", self.name, last)
        self._told = bool(self.failures)


def tell(listeners: Listeners, deltas: Array) -> None:
    """What became of the flows of one walk (records.FLOW_DELTA)."""
    begun, over = deltas["new"], deltas["ending"] != 0
    listeners.tell("on_flow_start", deltas[begun])
    listeners.tell("on_flow_update", deltas[~begun & ~over])
    listeners.tell("on_flow_end", deltas[over])


class Plugins:
    """All of them."""

    def __init__(self, plugins: Iterable[Plugin] = ()) -> None:
        self.all: Sequence[Plugin] = tuple(plugins)
        for plugin in self.all:
            plugin.start()

    def hear(self, deltas: Array) -> None:
        """Hand out one walk's flows; returns at once."""
        for plugin in self.all:
            plugin.report()
            plugin.offer(deltas)

    def states(self) -> tuple[PluginState, ...]:
        """Return how each stands."""
        return tuple(plugin.state() for plugin in self.all)

    def leave(self, seconds: float = 1.0) -> None:
        """No more walks will come."""
        for plugin in self.all:
            plugin.leave(seconds)


def load(names: Iterable[str], directory: Path) -> Plugins:
    """Make each `module:Class` of the directory. Raises ConfigError."""
    names = tuple(names)
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"plugins: {name}: comes twice: keep one")
    return Plugins([_plugin(name, directory) for name in names])


def _plugin(name: str, directory: Path) -> Plugin:
    module, kind = name.split(":")
    path = directory / f"{module}.py"
    made = ModuleType(f"weir_plugin_{module}")
    made.__file__ = str(path)
    source = _trusted(path)
    try:
        exec(compile(source, str(path), "exec"), made.__dict__)
        listener = getattr(made, kind)()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"plugins: {name}: {reason}: correct {path}") from error
    return Plugin(name, Listeners([listener]))


def _trusted(path: Path) -> bytes:
    """The file, from the descriptor that was examined. Raises ConfigError."""
    try:
        for parent in path.parents:
            _refuse_others(parent, parent.lstat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_others(path, os.fstat(descriptor))
            return file.read()
    except OSError as error:
        reason = f"plugins: {path}: {error.strerror}: put a plain file there"
        raise ConfigError(reason) from None


def _refuse_others(path: Path, status: os.stat_result) -> None:
    mode = status.st_mode
    sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
    if stat.S_ISLNK(mode):
        raise ConfigError(f"plugins: {path}: is a link: name the directory itself")
    if status.st_uid != 0 or (mode & ANYBODY and not sticky):
        raise ConfigError(
            f"plugins: {path}: others than root may write there: "
            f"chown root {path}; chmod go-w {path}"
        )
