"""The agent's endpoint store: flow deltas in, one batch an interval out.

feed() only adds numbers to the flow table. Sketches are made once an interval, by seal(),
or earlier where the table is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.records import Array, Interface
from agent.sketch import fill, fold, heavy
from agent.sketch.endpoint import EndpointSketches
from agent.sketch.flowtable import FlowTable, take
from agent.sketch.places import NOBODY, PRIVATE, Networks
from agent.sketch.registry import Registry
from wire import batch as wire_batch, messages
from wire.batch import Batch, Endpoints, endpoints_from, endpoints_message
from wire.errors import Malformed
from wire.schema import ENDPOINT_SKETCHES
from wire.sketches import Quantiles

STATE_VERSION: Final = 1
_PIECE_ROWS: Final = 1 << 14
"""Rows taken at once: their columns stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decides. 500 endpoints take up to 24 MiB, full sketches and all."""

    max_endpoints: int = 500
    top_flows: int = 100
    local_networks: tuple[str, ...] = ()
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Origin:
    """Who reports, and which batch this is."""

    agent: str
    boot: bytes
    sequence: int
    agent_version: str
    hostname: str


class Store:
    """Endpoints and flows of the running interval, and the endpoints of all before."""

    def __init__(self, settings: Settings, start_ns: int) -> None:
        self.settings = settings
        self.start_ns = start_ns
        self.registry = Registry(min(settings.max_endpoints, wire_batch.MAX_ENDPOINTS - 1))
        self.table = FlowTable()
        self.folds = 0  # folds that a full table forced
        self.flow_count = 0  # flows that began, ever
        self._inside = Networks((*PRIVATE, *settings.local_networks))
        self._nobody = Networks(NOBODY)
        self._macs: Mapping[str, str] = {}
        self._names: dict[int, str] = {}  # interface of a slot
        self._now_ns = start_ns
        self._begin()

    def _begin(self) -> None:
        self._totals = fold.empty_totals(self.registry.max_endpoints + 1)
        self._sketches: dict[int, EndpointSketches] = {}
        self._overall: dict[str, Quantiles] = {}
        self._heavy = heavy.none()

    def feed(
        self,
        deltas: Array,
        interfaces: tuple[Interface, ...],
        now_ns: int,
        macs: Mapping[str, str] | None = None,
    ) -> None:
        """Add FLOW_DELTA rows; those not at home are another interface's and are skipped.

        macs maps address text to the MAC under which the endpoint goes.
        """
        self._names.update({item.slot: item.name for item in interfaces})
        self._macs = self._macs if macs is None else macs
        self._now_ns = now_ns
        rows = deltas if deltas["home"].all() else take(deltas, deltas["home"])
        self.flow_count += int(rows["new"].sum())
        for start in range(0, rows.size, _PIECE_ROWS):
            piece = rows[start : start + _PIECE_ROWS]
            if self.table.room() < piece.size:
                self._fold()
                self.folds += 1
            self.table.add(piece)

    def seal(
        self,
        origin: Origin,
        end_ns: int,
        interfaces: tuple[wire_batch.Interface, ...],
        health: Mapping[str, int | float | str],
    ) -> Batch:
        """Close the interval and begin the next; interfaces are the whole interval's.

        An empty interval gives a batch without endpoints and flows.
        """
        self._now_ns = end_ns
        self._fold()
        start_ns = min(self.start_ns, end_ns)  # later only if the clock went back
        self._totals["version"] = self._version(end_ns)
        slots = sorted(self._sketches)
        names = [item.name for item in interfaces]
        places = {
            slot: names.index(name) for slot, name in self._names.items() if name in names
        }
        closed = Batch(
            agent=origin.agent,
            boot=origin.boot,
            sequence=origin.sequence,
            start_ns=start_ns,
            end_ns=end_ns,
            agent_version=origin.agent_version,
            hostname=origin.hostname,
            interfaces=interfaces,
            endpoints=_endpoints(self.registry.ids, self._totals, self._sketches, slots),
            flows=heavy.report(self._heavy, self.settings.top_flows, places),
            quantiles=fill.overall_images(self._overall),
            health=health,
        )
        self.registry.absorb(self._totals, self._sketches)
        self.start_ns = end_ns
        self._begin()
        return closed

    def _version(self, end_ns: int) -> int:
        """Return milliseconds of the clock, or one more than the last if it went back."""
        return max(end_ns // 1_000_000, int(self.registry.totals["version"].max()) + 1)

    def _fold(self) -> None:
        if not self.table.count:
            return
        now = datetime.fromtimestamp(self._now_ns / fold.SECOND_NS, self.settings.zone)
        offset = now.utcoffset()
        around = fold.Surroundings(
            self._inside,
            self._nobody,
            self._macs,
            int(offset.total_seconds()) if offset else 0,
        )
        sides = fold.sides_of(self.table, self.registry, around)
        for slot in np.unique(sides.slots, return_counts=True)[0].tolist():
            self._sketches.setdefault(slot, EndpointSketches())
        fold.add_totals(self._totals, self.table, sides, around)
        fill.fill_peers(self._sketches, self.table, sides)
        fill.fill_ports(self._sketches, self.table, sides)
        fill.fill_distributions(
            self._sketches, self._overall, self.table, sides, self.start_ns
        )
        self._heavy = heavy.heaviest(self._heavy, self.table, self.settings.top_flows)
        self.table.clear()

    def to_bytes(self) -> bytes:
        """Return the endpoints as of the last seal; what came since is in the kernel."""
        return messages.dump(
            {
                "version": STATE_VERSION,
                "start_ns": self.start_ns,
                "flow_count": self.flow_count,
                "evicted": self.registry.evicted,
                "endpoints": endpoints_message(self.registry.endpoints()),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings, start_ns: int) -> Store:
        """Return the store that to_bytes saved, its interval beginning at start_ns.

        Raises Malformed for anything else, or a version other than STATE_VERSION.
        """
        message = messages.load(data)
        if messages.whole(message, "version") != STATE_VERSION:
            raise Malformed("endpoint state of another version")
        made = cls(settings, start_ns)
        made.registry.restore(endpoints_from(messages.mapping(message, "endpoints")))
        made.registry.evicted = messages.whole(message, "evicted")
        made.flow_count = messages.whole(message, "flow_count")
        return made


def _endpoints(
    ids: list[str],
    totals: npt.NDArray[np.void],
    sketches: Mapping[int, EndpointSketches],
    slots: list[int],
) -> Endpoints:
    images: list[dict[str, Any]] = [sketches[slot].images() for slot in slots]
    return Endpoints(
        tuple(ids[slot] for slot in slots),
        totals[slots],
        {name: tuple(image[name] for image in images) for name in ENDPOINT_SKETCHES},
    )
