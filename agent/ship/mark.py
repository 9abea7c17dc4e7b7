"""The spool's memory beside its segments: what was delivered, what came last."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BODY: Final = struct.Struct("<QQQ16sQQQ")
_CRC: Final = struct.Struct("<I")
_BYTES: Final = _BODY.size + _CRC.size
# Two places written in turn, a page apart: one of them is always whole.
_SLOTS: Final = (0, 4096)

Position = tuple[int, int]
"""Segment and offset in it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Parcels before `done` are gone; the newest parcel ever kept ended at last_end."""

    done: Position = (0, 0)
    last_boot: bytes = bytes(16)
    last_sequence: int = 0
    last_end: Position = (0, 0)


class MarkFile:
    """The file. Its room is taken when it is made, so that a full disk cannot stop it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._generation, self.mark = self._read()
        if self._generation == 0:
            for _ in _SLOTS:
                self.write(self.mark)

    def write(self, mark: Mark) -> None:
        """Replace the mark; the next process sees it even after kill -9."""
        body = _BODY.pack(
            self._generation + 1,
            *mark.done,
            mark.last_boot,
            mark.last_sequence,
            *mark.last_end,
        )
        data = body + _CRC.pack(zlib.crc32(body))
        os.pwrite(self._descriptor, data, _SLOTS[self._generation % 2])
        self._generation += 1
        self.mark = mark

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def _read(self) -> tuple[int, Mark]:
        found = [(0, Mark())]
        for offset in _SLOTS:
            data = os.pread(self._descriptor, _BYTES, offset)
            if len(data) == _BYTES and data[-4:] == _CRC.pack(zlib.crc32(data[:-4])):
                generation, segment, at, boot, sequence, *end = _BODY.unpack(data[:-4])
                mark = Mark((segment, at), boot, sequence, (end[0], end[1]))
                found.append((generation, mark))
        return max(found, key=lambda pair: pair[0])
