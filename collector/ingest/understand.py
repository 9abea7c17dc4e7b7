"""Uploads to batches: every form that agents send ends as one wire.batch.Batch."""

from __future__ import annotations

from typing import Final

from collector.ingest import body, framed, legacy
from collector.records import Arrival, Refused
from wire.batch import Batch, Malformed, UnknownVersion, decode

AGENT_LENGTH_MAX: Final = 128
SEQUENCE_MAX: Final = 2**63 - 1
"""What SQLite holds; a batch a second takes 292 billion years to get there."""


Estimates = dict[str, list[float]]
"""Distinct counts by name, one an endpoint, from forms whose sketches cannot be merged."""


def read(arrival: Arrival, limit: int) -> tuple[Batch, Estimates]:
    """Return the batch in an upload of any form, and its estimates. Raises Refused."""
    data = body.inflate(arrival.body, arrival.encoding, limit)
    try:
        if arrival.form == "msgpack":
            batch, estimates = decode(data), Estimates()
        elif arrival.form == "json":
            batch, estimates = legacy.read(data, arrival)
        else:
            batch, estimates = framed.read(data, arrival)
    except UnknownVersion as error:
        raise Refused(409, str(error), understood=list(error.understood)) from error
    except Malformed as error:
        raise Refused(400, str(error)[:300]) from error
    check(batch, arrival.form)
    return batch, estimates


def check(batch: Batch, form: str) -> None:
    """Hold what the codec leaves open: names that people read, numbers that begin at 1."""
    if not 0 < len(batch.agent) <= AGENT_LENGTH_MAX or not batch.agent.isprintable():
        raise Refused(400, f"agent: 1 to {AGENT_LENGTH_MAX} printable characters")
    if form == "msgpack" and not 1 <= batch.sequence <= SEQUENCE_MAX:
        raise Refused(400, f"sequence: begins at 1 and ends at {SEQUENCE_MAX}")
