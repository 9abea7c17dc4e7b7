"""Several workers on one machine: who measures rates or delays has it to himself."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_DOOR, _ROOM = 0, 1  # bytes of the file; a lock on each


@contextmanager
def turn(file: IO[bytes], *, alone: bool) -> Iterator[None]:
    """Take part together with others, or wait until all of them are out and be alone.

    Everyone passes the door one by one, and who waits to be alone waits inside it: those
    that come later cannot keep him waiting.
    """
    fcntl.lockf(file, fcntl.LOCK_EX, 1, _DOOR)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, 1, _ROOM)
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _DOOR)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _ROOM)


def opened(folder: Path) -> IO[bytes]:
    """Open the file whose locks are the turns; all workers name the same folder."""
    folder.mkdir(exist_ok=True)
    return (folder / "turns.lock").open("wb+")
