"""One direction of a shaped device: what it did, what moves, what packets are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from agent.capture.layout import BUCKET, RX, SHAPING, TX
from agent.qos.adapt import Bounds
from agent.qos.control import ClassLoad, Controller, Decision, Reading
from agent.qos.demand import Quantiles
from agent.qos.htb import Direction, Moves, shares, whole_rate
from agent.qos.policy import policies
from agent.qos.section import MARKINGS, WHEN_DEAD, Settings, Shaped
from agent.qos.tree import EGRESS_MAJOR, INGRESS_MAJOR
from agent.records import CLASS_NAMES
from agent.reports import ClassShare, LaneState

Array = npt.NDArray[Any]

LOG: Final = logging.getLogger("weir.qos")

SECOND_NS: Final = 1_000_000_000
VOICE, UNKNOWN = CLASS_NAMES.index("voice"), CLASS_NAMES.index("unknown")
POLICER_BURST_NS: Final = 100_000_000
"""What voice may save up: its packets come evenly."""

NEVER_NS: Final = 2**63 - 1
"""Of a policer: the row's deadline, which the agent renews, ends it with all the rest."""


class Counts(Protocol):
    """Counters of one class (agent.qos.apply.statistics)."""

    @property
    def sent_bytes(self) -> int:
        """Since the class was made."""

    @property
    def drops(self) -> int:
        """Likewise."""

    @property
    def backlog_bytes(self) -> int:
        """Now."""


Forecast = Callable[[str, str], Mapping[str, Quantiles]]
"""Device, way -> what a model last said of the demand; it may fail, but never waits."""


def no_forecast(device: str, way: str) -> Mapping[str, Quantiles]:
    """Tell that nobody forecasts: what was served takes its place."""
    return {}


class Rows(Protocol):
    """Where packet programs look (agent.capture.loader.kernel)."""

    def counters(self, slots: list[int]) -> Array:
        """Return layout.COUNTERS by slot and hook."""

    def set_shaping(self, slot: int, hook: int, row: Array) -> None:
        """Write one row."""

    def set_policer(self, slot: int, hook: int, number: int, bucket: Array) -> None:
        """Limit one class."""


@dataclass(slots=True)
class Lane:
    """The control of one direction."""

    device: str
    hook: int  # layout.RX: what arrives, TX: what leaves
    link_bps: int
    source: str  # where the capacity comes from
    strict: bool
    controller: Controller
    row: Array  # without its deadline
    before: Mapping[str, Counts] = field(default_factory=dict)
    before_at: float = 0.0
    last: Decision | None = None
    policed_slot: int = -1  # where the policers have been written

    @property
    def way(self) -> str:
        """Return egress or ingress."""
        return "egress" if self.hook == TX else "ingress"

    @property
    def major(self) -> int:
        """Return the handle of the tree."""
        return EGRESS_MAJOR if self.hook == TX else INGRESS_MAJOR

    def go_on_from(self, before: Lane) -> None:
        """Take over what was learned of the same link."""
        self.controller.refused = before.controller.refused
        if before.controller.bounds == self.controller.bounds:
            self.controller.rate = before.controller.rate
            self.controller.served = before.controller.served
            self.before, self.before_at = before.before, before.before_at

    def state(self) -> LaneState:
        """Return how the direction stands."""
        last, controller = self.last, self.controller
        return LaneState(
            device=self.device,
            way=self.way,
            capacity_bps=self.link_bps,
            capacity_source=self.source,
            rate_bps=controller.rate.rate_bps,
            demand_source=last.source if last else "none",
            expires=last.expires if last else 0.0,
            reasons=last.reasons if last else (),
            refused=dict(controller.refused),
            shares=self._shares() if last else {},
            demand=self._demand() if last else {},
        )

    def _demand(self) -> Mapping[str, tuple[float, float, float]]:
        expected = self.controller.served.predict(self.before_at)
        return {
            name: (one.likely_bps, one.high_bps, one.expires)
            for name, one in expected.items()
        }

    def _shares(self) -> Mapping[str, ClassShare]:
        moves = self.last.moves if self.last else Moves()
        way = Direction("", 0, self.link_bps, self.controller.policies, moves)
        rates, ceilings = shares(way, strict=self.strict)
        return {
            policy.name: ClassShare(rate, ceiling, whole_rate(policy.max_bps))
            for policy, rate, ceiling in zip(way.policies, rates, ceilings, strict=True)
        }

    def step(
        self,
        now: float,
        counts: Mapping[str, Counts],
        round_trip_s: float | None,
        forecast: Mapping[str, Quantiles] | None = None,
    ) -> Decision:
        """Return what to plan with until the next second. now: unix time."""
        reading = reading_of(self.before, counts, now - self.before_at, round_trip_s)
        self.before, self.before_at = counts, now
        self.last = self.controller.step(now, reading, forecast)
        return self.last

    def advice(self, forecast: Forecast) -> Mapping[str, Quantiles]:
        """Return what a model says; one that fails is as good as none."""
        try:
            return forecast(self.device, self.way)
        except Exception as error:  # noqa: BLE001 - a model is advice from outside
            self.controller.refused["failed"] += 1
            LOG.debug("qos: %s %s: no forecast: %s", self.device, self.way, error)
            return {}

    def tell(self, rows: Rows, slot: int, deadline_ns: int) -> None:
        """Have packets obey until a moment of the monotonic clock."""
        if self.policed_slot != slot:
            voice = self.controller.policies[VOICE]
            rows.set_policer(slot, self.hook, VOICE, _bucket(voice.max_bps))
            self.policed_slot = slot
        self.row["deadline_ns"] = deadline_ns
        rows.set_shaping(slot, self.hook, self.row)

    def silence(self, rows: Rows, slot: int) -> None:
        """Leave packets alone: there is no tree."""
        self.last = None
        rows.set_shaping(slot, self.hook, np.zeros(1, SHAPING))


def lanes(settings: Settings, shaped: Shaped, speed_bps: int) -> tuple[Lane, ...]:
    """Return the lanes of one device. Raises rules.BadRule."""
    target = shaped.target(speed_bps)
    found = []
    for hook, way, major, link_bps in (
        (TX, "egress", EGRESS_MAJOR, target.egress_bps),
        (RX, "ingress", INGRESS_MAJOR, target.ingress_bps),
    ):
        if link_bps:
            bounds = Bounds(link_bps, min(shaped.floor_bps, link_bps))
            controller = Controller(
                policies(settings.rules, link_bps), bounds, shaped.adaptive
            )
            row, source = _row(settings, hook, major), shaped.source(way)
            found.append(
                Lane(shaped.name, hook, link_bps, source, shaped.strict, controller, row)
            )
    return tuple(found)


def reading_of(
    before: Mapping[str, Counts],
    after: Mapping[str, Counts],
    interval_s: float,
    round_trip_s: float | None,
) -> Reading:
    """Return what happened in between; an interval of 0 where there is no before."""
    loads = {
        name: ClassLoad(
            max(counts.sent_bytes - before[name].sent_bytes, 0),
            counts.backlog_bytes,
            max(counts.drops - before[name].drops, 0),
        )
        for name, counts in after.items()
        if name in before
    }
    return Reading(interval_s if loads else 0.0, loads, round_trip_s)


def round_trip_s(flows: Array, slot: int, since_ns: int) -> float | None:
    """Return a low decile of the round trips of an interface's recent flows.

    flows: FLOW_DELTA. since_ns: unix time of the last packet, at least.
    """
    chosen = (
        (flows["slot"] == slot) & (flows["rtt_ns"] > 0) & (flows["last_ns"] >= since_ns)
    )
    trips: Sequence[int] = flows["rtt_ns"][chosen]
    return float(np.quantile(trips, 0.1)) / SECOND_NS if len(trips) else None


def _row(settings: Settings, hook: int, major: int) -> Array:
    row = np.zeros(1, SHAPING)
    row["root"] = major << 16
    row["policed"] = 1 << VOICE
    row["excess"] = UNKNOWN
    row["dead"] = WHEN_DEAD.index(settings.when_dead)
    if hook == TX:
        row["mode"] = MARKINGS.index(settings.marking)
        row["marks"][0, : len(CLASS_NAMES)] = settings.marks()
    elif settings.wash:
        row["mode"] = MARKINGS.index("set")
    return row


def _bucket(rate_bps: int) -> Array:
    bucket = np.zeros(1, BUCKET)
    bucket["rate_bytes_s"] = rate_bps // 8
    bucket["burst_ns"] = bucket["credit_ns"] = POLICER_BURST_NS
    bucket["expires_ns"] = NEVER_NS
    return bucket
