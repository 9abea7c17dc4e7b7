"""Spools for tests: opened, filled, drained."""

from __future__ import annotations

from pathlib import Path

from agent.ship.parcel import write
from agent.ship.spool import Spool
from tests.agent.ship.support import MINUTE_NS, parcel

HOUR_NS = 60 * MINUTE_NS


LENGTH = len(write(parcel(1)))


def spool(directory: Path, max_bytes: int = 1 << 20, max_age_ns: int = HOUR_NS) -> Spool:
    return Spool(directory, max_bytes, max_age_ns)


def filled(directory: Path, numbers: range, **bounds: int) -> Spool:
    made = spool(directory, **bounds)
    for n in numbers:
        made.append(parcel(n), n * MINUTE_NS)
    return made


def drained(open_spool: Spool) -> list[int]:
    found = []
    while (oldest := open_spool.oldest()) is not None:
        found.append(oldest.sequence)
        open_spool.acknowledge()
    return found
