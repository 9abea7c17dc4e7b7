"""A journal entry: one upload as it came, packed with msgpack."""

from __future__ import annotations

import msgpack

from collector.records import Arrival, Refused


def pack(arrival: Arrival) -> bytes:
    """Return the bytes that the journal keeps for an upload."""
    packed: bytes = msgpack.packb(
        (
            1,
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
        if version != 1:
            raise ValueError(version)
        return Arrival(*fields)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Refused(400, "journal entry of another version") from error
