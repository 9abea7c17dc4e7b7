"""Links whose capacity is measured: one estimate a direction, fed by every walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import RX, TX
from agent.qos.capacity import Capacity, Sight, learned
from agent.qos.section import Shaped
from agent.records import Array, Interface
from agent.regulation.lanes import SECOND_NS, Rows, round_trip_s

NOTABLE: Final = 0.05
"""Smaller differences from what is shaped to are not worth a change of the tree."""

TRIP_AGE_S: Final = 30.0
"""Flows that were silent for longer say nothing about the link as it is."""

_HOOKS: Final = {"egress": TX, "ingress": RX}


@dataclass(frozen=True, slots=True)
class Walk:
    """What the last walk of the flows found, and when it is asked about."""

    now: float  # unix time
    at: float  # unix time of the walk; 0: there was none
    flows: Array  # FLOW_DELTA


@dataclass(frozen=True, slots=True)
class Seen:
    """Bytes that an interface had carried, by hook."""

    walked_at: float
    now: float
    octets: npt.NDArray[np.float64]


@dataclass(slots=True)
class Measured:
    """Estimates by device and way."""

    found: dict[str, dict[str, Capacity]] = field(default_factory=dict)
    _before: dict[str, Seen] = field(default_factory=dict)

    @classmethod
    def remembering(cls, known: Mapping[str, Mapping[str, int]]) -> Measured:
        """Begin with what was measured before."""
        return cls(
            {
                name: {way: Capacity(bps) for way, bps in ways.items()}
                for name, ways in known.items()
            }
        )

    def capacities(self) -> dict[str, dict[str, int]]:
        """Return bit/s by device and way, of those that are known."""
        return {
            name: {way: one.bps for way, one in ways.items() if one.bps}
            for name, ways in self.found.items()
        }

    def look(
        self,
        shaped: Iterable[Shaped],
        watched: Mapping[str, Interface],
        rows: Rows,
        walk: Walk,
    ) -> bool:
        """Take what is new since the last look; tell whether a belief changed notably."""
        changed = False
        for one in shaped:
            if one.name not in watched:
                self._before.pop(one.name, None)  # What comes back is counted anew.
            elif one.measured:
                slot = watched[one.name].slot
                octets = rows.counters([slot])["seen"]["bytes"][slot].astype(np.float64)
                seen = Seen(walk.at, walk.now, octets)
                before = self._before.setdefault(one.name, seen)
                if seen.walked_at != before.walked_at:
                    self._before[one.name] = seen
                    changed |= self._learn(one, watched[one.name], before, seen, walk)
        return changed

    def _learn(
        self, shaped: Shaped, interface: Interface, before: Seen, seen: Seen, walk: Walk
    ) -> bool:
        if seen.now <= before.now or bool((seen.octets < before.octets).any()):
            return False  # The clock was set back, or what is counted begins anew.
        rates = (seen.octets - before.octets) * 8 / (seen.now - before.now)
        since_ns = int((walk.now - TRIP_AGE_S) * SECOND_NS)
        trip = round_trip_s(walk.flows, interface.slot, since_ns)
        ways = self.found.setdefault(shaped.name, {})
        changed = False
        for way in shaped.measured:
            hook = _HOOKS[way]
            sight = Sight(float(rates[hook]), trip, bool(rates[hook] > rates[1 - hook]))
            was = ways.get(way, Capacity())
            ways[way] = now = learned(was, sight, interface.speed_bps)
            changed |= abs(now.bps - was.bps) > NOTABLE * was.bps
        return changed
