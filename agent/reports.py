"""How delivery stands: counts that the ship room keeps and the status room tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECONDS_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper edges of the histogram of upload times; one bucket more is for the rest."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What waits, and what has happened since the spool was opened."""

    batches: int = 0  # waiting
    endpoints: int = 0
    bytes: int = 0
    disk_bytes: int = 0  # delivered parts of segments and quarantine included
    oldest_ns: int = 0  # unix time, 0: nothing waits
    appended_batches: int = 0
    dropped_batches: int = 0  # too old, or the spool was full
    dropped_endpoints: int = 0
    dropped_bytes: int = 0
    refused_batches: int = 0  # appends that the disk did not take
    quarantined_batches: int = 0
    damaged_bytes: int = 0  # unreadable, and passed over


@dataclass(frozen=True, slots=True)
class UplinkState:
    """What was sent since the start, and how things stand."""

    connected: bool = False
    backend_url: str = ""  # the collector in use
    breakers: tuple[tuple[str, str], ...] = ()  # URL, state
    last_success_ns: int = 0  # unix time, 0: never
    sketches_sent: int = 0
    batches_sent: int = 0
    bytes_sent: int = 0
    duplicates: int = 0  # already known there
    set_aside: int = 0
    live_sent: int = 0
    errors: int = 0
    errors_by_kind: Mapping[str, int] = field(default_factory=dict)
    upload_seconds: float = 0.0  # of delivered batches
    upload_buckets: tuple[int, ...] = (0,) * (len(SECONDS_BUCKETS) + 1)
