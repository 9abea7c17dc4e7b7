"""How delivery, plug-ins and QoS stand: what rooms keep and the status room tells."""

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


@dataclass(frozen=True, slots=True)
class PluginState:
    """One plug-in that hears of flows, since the agent started."""

    name: str
    walks: int = 0  # heard to the end
    skipped: int = 0  # not heard: too much was waiting
    failures: int = 0  # how often it raised
    is_dropped: bool = False  # left alone until a restart


@dataclass(frozen=True, slots=True)
class ClassShare:
    """What one class of a shaped direction has now, bit/s."""

    rate_bps: int  # allocated: it gets this much whatever others want
    ceiling_bps: int  # and at most this
    maximum_bps: int  # the ceiling where nothing holds it down

    @property
    def is_throttled(self) -> bool:
        """Tell whether the controller holds the class down."""
        return self.ceiling_bps < self.maximum_bps


@dataclass(frozen=True, slots=True)
class LaneState:
    """One direction of a shaped device."""

    device: str
    way: str  # egress | ingress
    capacity_bps: int  # to shape to; 0: not measured yet
    capacity_source: str  # settings | device | measured
    rate_bps: int  # believed of the link now
    demand_source: str = "none"  # forecast | served | none
    expires: float = 0.0  # unix time until which packets obey; 0: no tree stands
    reasons: tuple[str, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)  # forecasts by reason
    shares: Mapping[str, ClassShare] = field(default_factory=dict)  # by class
    # What classes are expected to ask for: median, 90 %, until when; by class.
    demand: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegulatorState:
    """QoS as a whole, at its last step."""

    mode: str = "observe"
    lanes: tuple[LaneState, ...] = ()
    faults: int = 0  # steps that failed
    problems: tuple[str, ...] = ()
    matches: int = 0  # match rules in force
    limits: int = 0  # limits of single flows in force
    over_packets: int = 0  # dropped or demoted by those limits
    over_bytes: int = 0
