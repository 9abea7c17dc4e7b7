"""A batch with its address: what the spool keeps and the uplink sends."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from wire import batch as batches, frame
from wire.errors import Malformed

# boot, sequence, created_ns, endpoints, batch version, coding, bytes of the agent's name
_HEAD: Final = struct.Struct("<16sQQIHBB")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One encoded and compressed batch. (agent, boot, sequence) names it."""

    agent: str
    boot: bytes  # 16 bytes
    sequence: int
    version: int  # of the batch format
    endpoints: int
    created_ns: int  # unix time of the interval's end
    coding: str  # one of wire.frame.CODINGS
    body: bytes

    @property
    def name(self) -> str:
        """Return boot and sequence for logs and file names."""
        return f"{self.boot.hex()}-{self.sequence}"


def pack(batch: batches.Batch, coding: str) -> Parcel:
    """Return the batch as it will travel; coding is one of wire.frame.CODINGS."""
    return Parcel(
        batch.agent,
        batch.boot,
        batch.sequence,
        batches.VERSION,
        len(batch.endpoints.ids),
        batch.end_ns,
        coding,
        frame.compress(batches.encode(batch), coding),
    )


def write(parcel: Parcel) -> bytes:
    """Return the parcel as one frame. ValueError when it is larger than a frame can be."""
    agent = parcel.agent.encode()
    head = _HEAD.pack(
        parcel.boot,
        parcel.sequence,
        parcel.created_ns,
        parcel.endpoints,
        parcel.version,
        frame.CODINGS.index(parcel.coding),
        len(agent),
    )
    return frame.frame(head + agent + parcel.body)


def read(content: bytes) -> Parcel:
    """Return the parcel that a frame's content holds. Raises Malformed."""
    if len(content) < _HEAD.size:
        raise Malformed("a parcel is shorter than its head")
    boot, sequence, created_ns, endpoints, version, coding, length = _HEAD.unpack_from(
        content
    )
    body = _HEAD.size + length
    if coding >= len(frame.CODINGS) or body > len(content):
        raise Malformed("a parcel's head is not one")
    try:
        agent = content[_HEAD.size : body].decode()
    except UnicodeDecodeError:
        raise Malformed("a parcel's agent is not UTF-8") from None
    return Parcel(
        agent,
        boot,
        sequence,
        version,
        endpoints,
        created_ns,
        frame.CODINGS[coding],
        content[body:],
    )
