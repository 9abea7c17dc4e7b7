"""What is about to be done, on disk before it is done.

A directory holds two files. `before.json`: every device as it was before Weir first touched
it, for as long as Weir shapes it. `journal.json`: the change under way, with the state to
go back to. Both are written beside, synced and renamed: a reader finds the old or the new.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.qos.model import state
from agent.qos.tree import Change, Item, State, from_json, to_json

_VERSION: Final = 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Damaged(ValueError):
    """A file of the journal that is not as it was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change under way, or one that waits to be confirmed."""

    old: State
    new: State
    confirm_by: float | None = None  # unix time; None: still under way


class Journal:
    """The two files, in a directory that is Weir's own."""

    def __init__(self, directory: Path, boot: str = "") -> None:
        self._directory = directory
        # Nothing of a tree outlives the machine's boot, so neither do notes about it.
        self._boot = boot or _BOOT_ID.read_text().strip()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing trees at the same time. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def open(self, old: State, new: State, steps: Sequence[Change]) -> None:
        """Write down a change before its first step. Raises OSError."""
        self._write(
            "journal.json",
            {
                "old": _items(old.values()),
                "new": _items(new.values()),
                "steps": [_step(step) for step in steps],
                "inverse": [_step(step.inverse) for step in reversed(steps)],
                "confirm_by": None,
            },
        )

    def await_confirmation(self, entry: Entry, deadline: float) -> None:
        """Keep the way back open until a moment. Raises OSError."""
        fields = {"old": _items(entry.old.values()), "new": _items(entry.new.values())}
        self._write("journal.json", fields | {"confirm_by": deadline})

    def close(self) -> None:
        """Forget the change: it is done, or undone. Raises OSError."""
        (self._directory / "journal.json").unlink(missing_ok=True)
        sync(self._directory)

    def entry(self) -> Entry | None:
        """Return the change that was not closed, if any. Raises Damaged."""
        fields = self._read("journal.json")
        if fields is None:
            return None
        try:
            return Entry(
                state(from_json(item) for item in fields["old"]),
                state(from_json(item) for item in fields["new"]),
                fields["confirm_by"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(
                f"{self._directory}/journal.json: {error!r}: delete it"
            ) from error

    def before(self) -> dict[str, tuple[Item, ...]]:
        """Return device -> its items before Weir. Raises Damaged."""
        fields = self._read("before.json") or {"devices": {}}
        try:
            return {
                device: tuple(from_json(item) for item in items)
                for device, items in fields["devices"].items()
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{self._directory}/before.json: {error!r}: delete it") from error

    def remember(self, before: dict[str, tuple[Item, ...]]) -> None:
        """Write down how devices were. Raises OSError."""
        if not before:
            (self._directory / "before.json").unlink(missing_ok=True)
            sync(self._directory)
            return
        devices = {device: _items(items) for device, items in before.items()}
        self._write("before.json", {"devices": devices})

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self._directory / name
        try:
            fields = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Damaged(f"{path}: {error}: delete it") from error
        if not isinstance(fields, dict) or fields.get("version") != _VERSION:
            raise Damaged(f"{path}: not of version {_VERSION}: delete it")
        return fields if fields.get("boot") == self._boot else None

    def _write(self, name: str, fields: dict[str, Any]) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, beside = self._directory / name, self._directory / f".{name}"
        # In one piece: json.dump's own way is an order of magnitude slower.
        text = json.dumps({"version": _VERSION, "boot": self._boot, **fields})
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync(self._directory)


def _items(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [to_json(item) for item in items]


def _step(step: Change) -> dict[str, Any]:
    return {
        "old": to_json(step.old) if step.old is not None else None,
        "new": to_json(step.new) if step.new is not None else None,
    }


def sync(directory: Path) -> None:
    """Have the names in a directory survive a power cut. Raises OSError."""
    if not directory.exists():
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
