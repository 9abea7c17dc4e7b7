"""The older length-prefixed framing (application/octet-stream): an import format.

Body: u32 count, then per sketch u32 length and bytes, little endian. A sketch: three u32
lengths (JSON header, peers, ports), the header, two HLL images, and a Count-Min that is not
read. Its sketches hash differently from ours, so that their estimates are kept alone.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, Final

import numpy as np

from collector.ingest import legacy
from collector.records import Arrival
from wire.batch import Batch, Malformed

WORD: Final = struct.Struct("<I")
LENGTHS: Final = struct.Struct("<III")
PRECISION: Final = 10
REGISTERS: Final = 1 << PRECISION
ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)


def read(data: bytes, arrival: Arrival) -> tuple[Batch, dict[str, list[float]]]:
    """Return a batch and its estimates; sequence 0: it has no number. Raises Malformed."""
    count, rest = take(data, WORD.size)
    number = WORD.unpack(count)[0]
    if number > legacy.SKETCHES_MAX:
        raise Malformed(f"more than {legacy.SKETCHES_MAX} sketches")
    sketches = []
    for _ in range(number):
        length, rest = take(rest, WORD.size)
        sketch, rest = take(rest, WORD.unpack(length)[0])
        sketches.append(one(sketch))
    if rest:
        raise Malformed(f"{len(rest)} bytes behind the last sketch")
    agent = arrival.agent or (str(sketches[0].get("switch_id", "")) if sketches else "")
    return legacy.batch_of(agent, sketches, arrival)


def take(data: bytes, length: int) -> tuple[bytes, bytes]:
    """Return the first bytes and the others. Raises Malformed when there are too few."""
    if len(data) < length:
        raise Malformed(f"{length} bytes announced, {len(data)} there")
    return data[:length], data[length:]


def one(data: bytes) -> dict[str, Any]:
    """Return a sketch's header with the estimates of its two HLLs. Raises Malformed."""
    lengths, rest = take(data, LENGTHS.size)
    header_length, peers_length, ports_length = LENGTHS.unpack(lengths)
    header, rest = take(rest, header_length)
    peers, rest = take(rest, peers_length)
    ports, _ = take(rest, ports_length)
    try:
        sketch = json.loads(header)
    except (ValueError, RecursionError):
        raise Malformed("a sketch's header is not JSON") from None
    if not isinstance(sketch, dict):
        raise Malformed("a sketch's header is not an object")
    return sketch | {"unique_peers": distinct(peers), "unique_ports": distinct(ports)}


def distinct(image: bytes) -> float:
    """Return the estimate of an HLL of 1,024 registers. Raises Malformed."""
    if len(image) != 1 + REGISTERS or image[0] != PRECISION:
        raise Malformed(f"an HLL is not precision {PRECISION} and {REGISTERS} registers")
    registers = np.frombuffer(image, "u1", offset=1)
    raw = ALPHA * REGISTERS**2 / float(np.exp2(-registers.astype("f8")).sum())
    empty = int(np.count_nonzero(registers == 0))
    if raw <= 2.5 * REGISTERS and empty:
        return REGISTERS * math.log(REGISTERS / empty)
    return raw
