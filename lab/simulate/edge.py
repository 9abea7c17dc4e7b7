"""An agent whose packets are made up: its endpoint store, its counters, its batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from agent.flows.interval import cumulative, directions
from agent.records import HOOKS, UNITS, Counters, Interface
from agent.sketch.store import Origin, Settings, Store
from lab.simulate.deltas import SLOT, deltas_of
from lab.simulate.flows import Array
from wire.batch import Batch
from wire.items import address_texts

INTERFACE: Final = Interface(
    name="sim0",
    ifindex=1,
    slot=SLOT,
    mac="02:57:45:49:ff:fe",
    mtu=1500,
    speed_bps=1_000_000_000,
    addresses=("10.20.0.1",),
    is_up=True,
    rx_mode="simulated",
    tx_mode="simulated",
)
"""Where the flows come in. Each is one record of one direction, so nothing goes out."""

MOST_MACS: Final = 1 << 16
"""Addresses whose MAC is kept, 10 MB; endpoints beyond these go by their address."""

_RX: Final = HOOKS.index("rx")


class Edge:
    """Takes flows; closes batches of them. One thread at a time."""

    def __init__(self, origin: Origin, settings: Settings, start_ns: int) -> None:
        self.store = Store(settings, start_ns)
        self.flows = 0  # taken so far
        self._origin = origin
        self._counters = Counters.none(1)
        self._reported = Counters.none(1)
        self._macs: dict[str, str] = {}

    @property
    def bytes(self) -> int:
        """Return how many bytes the flows so far have carried."""
        return int(self._counters.seen[SLOT, _RX, UNITS.index("bytes")])

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing has come since the last batch."""
        return bool((self._counters.seen == self._reported.seen).all())

    def take(self, flows: Array, now_ns: int) -> None:
        """Count flows, and put them into the endpoint store."""
        rows = deltas_of(flows, self.flows + 1)
        self.flows += len(rows)
        self._learn(flows)
        self.store.feed(rows, (INTERFACE,), now_ns, self._macs)
        packets, octets = rows["packets"][:, 0], rows["bytes"][:, 0]
        counters = self._counters
        # A frame carries one packet: nothing has joined segments here.
        volume = np.array([packets.sum(), packets.sum(), octets.sum()], np.uint64)
        counters.seen[SLOT, _RX] += volume
        counters.flows[SLOT, _RX] += volume
        for unit, values in enumerate((packets, packets, octets)):
            np.add.at(counters.by_class[SLOT, _RX, :, unit], rows["class"], values)

    def close(self, now_ns: int, health: Mapping[str, int | float | str]) -> Batch:
        """Return what has come since the last batch as the next one."""
        counted = dataclasses.replace(
            self._counters,
            **{name: getattr(self._counters, name).copy() for name in Counters.__slots__},
        )
        interfaces = directions((INTERFACE,), counted, self._reported)
        batch = self.store.seal(self._origin, now_ns, interfaces, health)
        self._reported = counted
        self._origin = dataclasses.replace(self._origin, sequence=self._origin.sequence + 1)
        return batch

    def sample(self, now_ns: int) -> dict[str, Any]:
        """Return what the live picture is made of."""
        return {
            "switch_id": self._origin.agent,
            "now_ns": now_ns,
            "interfaces": cumulative((INTERFACE,), self._counters),
        }

    def _learn(self, flows: Array) -> None:
        """Remember which MAC an address has: endpoints go by it."""
        ends = np.concatenate([flows["source"], flows["source_mac"]], axis=1)
        found = np.unique(np.ascontiguousarray(ends).view("V22"))
        distinct = found.view(np.uint8).reshape(-1, 22)
        for text, mac in zip(
            address_texts(distinct[:, :16]), distinct[:, 16:], strict=True
        ):
            if text in self._macs or len(self._macs) < MOST_MACS:
                self._macs[text] = mac.tobytes().hex(":")
