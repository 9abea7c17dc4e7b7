"""The endpoints an agent knows: a bounded number, the longest unseen leaving first."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.sketch.endpoint import EndpointSketches
from wire.batch import Endpoints
from wire.schema import ENDPOINT, ENDPOINT_SKETCHES, OTHER_ENDPOINT

OTHER: Final = 0
"""Slot of the endpoint that takes everything without a slot of its own."""

_SUMS: Final = (
    "bytes_in", "bytes_out", "packets_in", "packets_out", "flow_count", "class_bytes",
)  # fmt: skip
_GREATEST: Final = ("last_seen", "version")


class Registry:
    """Slots 1 to max_endpoints, and what each endpoint did since it got its slot."""

    def __init__(self, max_endpoints: int) -> None:
        self.max_endpoints = max_endpoints
        self.evicted = 0  # endpoints that lost their slot to another
        self.refused = 0  # endpoints, once an interval each, that found none
        self.ids: list[str] = [OTHER_ENDPOINT] + [""] * max_endpoints
        self.totals = np.zeros(max_endpoints + 1, ENDPOINT)
        self.active = np.zeros(max_endpoints + 1, bool)  # in the running interval
        self._sketches: list[EndpointSketches | None] = [None] * (max_endpoints + 1)
        self._slots = {OTHER_ENDPOINT: OTHER}
        self._free = list(range(max_endpoints, 0, -1))

    @property
    def count(self) -> int:
        """How many slots are taken, OTHER not counted."""
        return self.max_endpoints - len(self._free)

    def admit(
        self, ids: list[str], sends: npt.NDArray[np.bool_], size: npt.NDArray[Any]
    ) -> npt.NDArray[np.intp]:
        """Return the slot of every id, OTHER where there is none to be had.

        Among newcomers those that send come first, then the larger. Only a sender evicts:
        else a scan of an empty network would push out every endpoint that is real.
        """
        slots = np.array([self._slots.get(name, -1) for name in ids], np.intp)
        self.active[slots[slots >= 0]] = True
        new = np.flatnonzero(slots < 0)
        if new.size:
            idle = self._idle()
            for place in new[np.lexsort((-size[new], ~sends[new]))].tolist():
                slots[place] = self._place(ids[place], bool(sends[place]), idle)
        return slots

    def absorb(
        self, totals: npt.NDArray[np.void], sketches: dict[int, EndpointSketches]
    ) -> None:
        """Merge an interval, rows by slot, and begin the next."""
        for slot, interval in sketches.items():
            self._merge(slot, totals[slot], interval)
        self.active[:] = False

    def endpoints(self) -> Endpoints:
        """Return everything known, as a batch would carry it."""
        known = [
            slot for slot, name in enumerate(self.ids) if name and self._sketches[slot]
        ]
        images = [self._kept(slot).images() for slot in known]
        return Endpoints(
            tuple(self.ids[slot] for slot in known),
            self.totals[known],
            {name: tuple(image[name] for image in images) for name in ENDPOINT_SKETCHES},
        )

    def restore(self, endpoints: Endpoints) -> None:
        """Take what endpoints() returned, the last seen first as far as slots go."""
        for row in np.argsort(~endpoints.totals["last_seen"], kind="stable").tolist():
            slot = self._place(endpoints.ids[row], False, [])
            images = {name: data[row] for name, data in endpoints.sketches.items()}
            self._merge(slot, endpoints.totals[row], EndpointSketches.stored(images))
        self.active[:] = False
        self.refused = 0

    def _idle(self) -> list[int]:
        """Return the slots that may be taken away, the longest unseen last."""
        taken = [slot for slot in self._slots.values() if slot and not self.active[slot]]
        return sorted(taken, key=lambda slot: -int(self.totals["last_seen"][slot]))

    def _place(self, name: str, sends: bool, idle: list[int]) -> int:
        if name in self._slots:
            return self._slots[name]
        if not self._free and sends and idle:
            self._evict(idle.pop())
        if not self._free:
            self.refused += 1
            return OTHER
        slot = self._free.pop()
        self._slots[name], self.ids[slot] = slot, name
        self.active[slot] = True
        return slot

    def _evict(self, slot: int) -> None:
        self._merge(OTHER, self.totals[slot], self._kept(slot))
        del self._slots[self.ids[slot]]
        self.ids[slot], self._sketches[slot] = "", None
        self.totals[slot] = np.zeros((), ENDPOINT)
        self._free.append(slot)
        self.evicted += 1

    def _kept(self, slot: int) -> EndpointSketches:
        kept = self._sketches[slot]
        if kept is None:
            kept = self._sketches[slot] = EndpointSketches.stored()
        return kept

    def _merge(self, slot: int, row: np.void, sketches: EndpointSketches) -> None:
        kept = self.totals
        for name in _SUMS:
            kept[name][slot] += row[name]
        for name in _GREATEST:
            kept[name][slot] = max(kept[name][slot], row[name])
        kept["active_hours"][slot] |= row["active_hours"]
        began = [
            int(value) for value in (kept["first_seen"][slot], row["first_seen"]) if value
        ]
        kept["first_seen"][slot] = min(began, default=0)
        self._kept(slot).merge(sketches)
