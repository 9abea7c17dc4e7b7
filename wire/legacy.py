"""The older length-prefixed framing, for import only (docs/wire-format.md, "Old framing").

Its hash is not that of the library's sketches, so these merge with nothing: what is kept is
their estimates.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wire import frame, messages
from wire.errors import Malformed
from wire.estimates import Estimate, estimate_of, load_json

CONTENT_TYPE: Final = "application/octet-stream"
MAX_SKETCHES: Final = 8192
MAX_HEADER: Final = 16 << 10
"""Bytes of one JSON header, twenty times what one holds."""

_PRECISION: Final = 10
_REGISTERS: Final = 1 << _PRECISION
_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class OldFrequency:
    """Its Count-Min: counts of shape (depth, width)."""

    counts: npt.NDArray[np.uint32]

    def estimate(self, item: str) -> int:
        """Return the item's count, never too low."""
        width = self.counts.shape[1]
        return min(
            int(
                row[
                    int.from_bytes(hashlib.md5(f"{n}:{item}".encode()).digest()[:4]) % width
                ]
            )
            for n, row in enumerate(self.counts)
        )


@dataclass(frozen=True, slots=True)
class OldSketch:
    """One endpoint's sketch."""

    estimate: Estimate
    ports: OldFrequency


def read(body: bytes) -> tuple[OldSketch, ...]:
    """Return the sketches in a body, plain or under gzip; Malformed for anything else."""
    if body[:2] == _GZIP_MAGIC:
        body = frame.decompress(body, "gzip")
    cursor = _Cursor(body)
    count = cursor.number(MAX_SKETCHES)
    sketches = tuple(_sketch(_Cursor(cursor.take(cursor.number()))) for _ in range(count))
    cursor.finish()
    return sketches


class _Cursor:
    """Bytes taken from the front; every length is checked here."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise Malformed("an old sketch is cut off")
        self._at += size
        return taken

    def number(self, most: int = 0xFFFFFFFF) -> int:
        value = int.from_bytes(self.take(4), "little")
        if value > most:
            raise Malformed(f"an old sketch says {value} where {most} is the most")
        return value

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def finish(self) -> None:
        if self._at != len(self._data):
            raise Malformed("something follows the old sketches")


def _sketch(cursor: _Cursor) -> OldSketch:
    sizes = cursor.number(MAX_HEADER), cursor.number(), cursor.number()
    header, peers, ports = (cursor.take(size) for size in sizes)
    message: dict[str, Any] = dict(
        messages.as_mapping(load_json(header, MAX_HEADER), "an old sketch's header")
    )
    message |= {"unique_peers": _distinct(peers), "unique_ports": _distinct(ports)}
    return OldSketch(estimate_of(message), _frequency(cursor.rest()))


def _distinct(data: bytes) -> int:
    """Return the estimate of an HLL of one precision byte and a byte a register."""
    if len(data) != 1 + _REGISTERS or data[0] != _PRECISION:
        raise Malformed("an old HLL has another size or precision")
    registers = np.frombuffer(data, "u1", _REGISTERS, 1)
    if int(registers.max()) > 64:
        raise Malformed("an old HLL's register is out of range")
    raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2
    raw /= float(np.exp2(-registers.astype(np.float64)).sum())
    zeros = int((registers == 0).sum())
    if raw <= 2.5 * _REGISTERS and zeros:
        return round(_REGISTERS * math.log(_REGISTERS / zeros))
    return round(raw)


def _frequency(data: bytes) -> OldFrequency:
    if len(data) < 4:
        raise Malformed("an old Count-Min is cut off")
    width, depth = struct.unpack_from("<HH", data)
    if not width or not depth or len(data) != 4 + 4 * width * depth:
        raise Malformed("an old Count-Min has a wrong size")
    return OldFrequency(np.frombuffer(data, "<u4", -1, 4).reshape(depth, width))
