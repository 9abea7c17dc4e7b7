"""A journal entry: one upload as it came, packed with msgpack."""

from __future__ import annotations

from typing import Final

import msgpack  # type: ignore[import-untyped]

from collector.records import Arrival, Refused

VERSION: Final = 1


def pack(arrival: Arrival) -> bytes:
    """Return the bytes that the journal keeps for an upload."""
    packed: bytes = msgpack.packb(
        (
            VERSION,
            arrival.agent,
            arrival.received_ns,
            arrival.form,
            arrival.encoding,
            arrival.body,
            arrival.serial,
            arrival.sent_ns,
        )
    )
    return packed


def unpack(data: bytes) -> Arrival:
    """Return the upload of a journal entry. Raises Refused when it is not one of ours."""
    try:
        version, *fields = msgpack.unpackb(data)
        arrival = Arrival(*fields)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Refused(400, "not a journal entry") from error
    if version != VERSION:
        raise Refused(409, f"journal entry of version {version}")
    return arrival
