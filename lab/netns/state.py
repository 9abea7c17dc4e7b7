"""What the lab makes, on disk before it is made, so that `down` works after any crash."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

DIRECTORY = Path("/run/weir-lab")
STORAGE = Path("/var/lib/weir-lab")
"""Where a lab may keep what is too big for memory."""

LOCK_SECONDS: Final = 2.0
"""A command that was killed leaves its lock to a child, until that has started."""


@dataclass
class State:
    """Everything that `down` has to remove."""

    prefix: str
    hosts: int = 1
    spaces: list[str] = field(default_factory=list)
    processes: list[dict[str, Any]] = field(default_factory=list)  # pid, started, what
    directories: list[str] = field(default_factory=list)


def state_path(prefix: str) -> Path:
    """Return where the state of a lab is kept."""
    return DIRECTORY / f"{prefix}.json"


def load(prefix: str) -> State | None:
    """Read the state of a lab; None when there is none or a crash left half a line."""
    try:
        return State(**json.loads(state_path(prefix).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def save(state: State) -> None:
    """Write the state whole or not at all."""
    path = state_path(state.prefix)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def forget(prefix: str) -> None:
    """Remove the state and its lock; the directories too when no other lab uses them."""
    for suffix in (".json", ".new", ".lock"):
        state_path(prefix).with_suffix(suffix).unlink(missing_ok=True)
    for directory in (DIRECTORY, STORAGE):
        with suppress(OSError):
            directory.rmdir()


@contextmanager
def locked(prefix: str) -> Iterator[None]:
    """Keep two commands on one lab apart; BlockingIOError when the other is at work."""
    DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    with state_path(prefix).with_suffix(".lock").open("w") as file:
        by = time.monotonic() + LOCK_SECONDS
        while not _taken(file):
            if time.monotonic() > by:
                raise BlockingIOError(
                    f"lab {prefix}: another command is changing it; wait for it to end"
                )
            time.sleep(0.05)
        yield


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remember_process(prefix: str, pid: int, what: str) -> None:
    """Put a process of the lab on record."""
    state = load(prefix) or State(prefix)
    state.processes.append({"pid": pid, "started": started_ticks(pid), "what": what})
    save(state)


def started_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def is_alive(process: dict[str, Any]) -> bool:
    """Tell whether a process on record still runs; a reused number is another process."""
    ticks = started_ticks(int(process["pid"]))
    return ticks is not None and ticks == process["started"]


def end_processes(processes: Iterable[dict[str, Any]], grace_s: float = 5.0) -> list[str]:
    """End processes on record, gently and then surely; return what was ended."""
    alive = [process for process in processes if is_alive(process)]
    for process in alive:
        with suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(is_alive(process) for process in alive) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in alive:
        if is_alive(process):
            os.kill(process["pid"], signal.SIGKILL)
    return [str(process["what"]) for process in alive]


def processes_in(namespace_file: Path) -> list[dict[str, Any]]:
    """List the processes that live in a namespace, the calling one left out."""
    try:
        wanted = namespace_file.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            own = (entry / "ns" / "net").stat()
        except OSError:
            continue
        if (own.st_dev, own.st_ino) == (wanted.st_dev, wanted.st_ino):
            pid = int(entry.name)
            found.append({"pid": pid, "started": started_ticks(pid), "what": f"pid {pid}"})
    return found


def remove_directories(directories: Iterable[str]) -> None:
    """Remove what the lab wrote."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
