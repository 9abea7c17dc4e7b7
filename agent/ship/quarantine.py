"""Parcels that no collector takes: set aside in files of their own, to be looked at."""

from __future__ import annotations

import os
from pathlib import Path

from agent.ship.segment import Place, sync_directory
from wire import frame


class Quarantine:
    """A bounded directory of parcels, each one frame. Methods raise OSError."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, place: Place, content: bytes) -> list[int]:
        """Keep a parcel; return the sizes of older ones that had to go for it."""
        name = f"{place.created_ns:020}-{place.boot.hex()}-{place.sequence}"
        part = self._directory / (name + ".part")
        try:
            with part.open("wb") as file:
                file.write(frame.frame(content))
                file.flush()
                os.fdatasync(file.fileno())
            part.rename(part.with_suffix(".parcel"))
            sync_directory(self._directory)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return self._bound()

    def size_bytes(self) -> int:
        """Return the bytes on disk."""
        return sum(path.stat().st_size for path in self._directory.iterdir())

    def _bound(self) -> list[int]:
        gone = []
        total = self.size_bytes()
        for path in sorted(self._directory.iterdir())[:-1]:
            if total <= self._max_bytes:
                break
            gone.append(path.stat().st_size)
            total -= gone[-1]
            path.unlink()
        return gone
