"""Flows into endpoints: who is at each end, what each sent and received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.sketch.flowtable import FlowTable, Index, group, mix, words_of
from agent.sketch.places import Networks
from agent.sketch.registry import OTHER, Registry
from wire.items import address_texts
from wire.schema import CLASSES, ENDPOINT

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides who is an endpoint: networks inside, nobody's, and address to MAC."""

    inside: Networks
    nobody: Networks
    macs: Mapping[str, str] = field(default_factory=dict)
    utc_offset_s: int = 0


@dataclass(frozen=True, slots=True)
class Sides:
    """The ends of flows that are endpoints: one entry an end, arrays of equal length."""

    rows: Index  # into the flow table
    inbound: npt.NDArray[np.bool_]  # the end is the flow's destination
    slots: Index  # of the registry
    sent: npt.NDArray[np.uint64]  # bytes from this end
    received: npt.NDArray[np.uint64]


def sides_of(table: FlowTable, registry: Registry, around: Surroundings) -> Sides:
    """Find the endpoints of all flows and give them their slots.

    An inside address is an endpoint; so are both ends where neither is inside. An address
    that is nobody's counts as OTHER, and only where the flow would have no endpoint at all.
    """
    ends = (table.column("source"), table.column("destination"))
    source, destination = (around.inside.contains(end) for end in ends)
    neither = ~(source | destination)
    if neither.any():
        source |= neither & ~around.nobody.contains(ends[0])
        destination |= neither & ~around.nobody.contains(ends[1])
        orphan = ~(source | destination)
    else:
        orphan = neither
    from_source, from_destination = (
        np.flatnonzero(source | orphan),
        np.flatnonzero(destination),
    )
    rows = np.concatenate([from_source, from_destination])
    inbound = np.arange(rows.size) >= from_source.size
    forward, backward = (
        table.column("bytes_forward")[rows],
        table.column("bytes_backward")[rows],
    )
    sent, received = (
        np.where(inbound, backward, forward),
        np.where(inbound, forward, backward),
    )
    addresses = np.concatenate([ends[0][from_source], ends[1][from_destination]])
    slots = np.full(rows.size, OTHER, np.intp)
    owned = ~orphan[rows]
    slots[owned] = _slots(
        addresses[owned], sent[owned], received[owned], registry, around.macs
    )
    return Sides(rows, inbound, slots, sent, received)


def _slots(
    addresses: npt.NDArray[np.uint8],
    sent: npt.NDArray[np.uint64],
    received: npt.NDArray[np.uint64],
    registry: Registry,
    macs: Mapping[str, str],
) -> Index:
    _, first, inverse = group(mix(*words_of(addresses)))
    texts = address_texts(addresses[first])
    ids = [macs.get(text, text) for text in texts] if macs else texts
    out = np.bincount(inverse, sent, len(ids))
    size = out + np.bincount(inverse, received, len(ids))
    return registry.admit(ids, out > 0, size)[inverse]


def add_totals(
    totals: npt.NDArray[np.void], table: FlowTable, sides: Sides, around: Surroundings
) -> None:
    """Add the sides to wire.schema.ENDPOINT rows by slot; exact below 2^53 a call."""
    rows, slots, count = sides.rows, sides.slots, len(totals)

    def add(name: str, values: npt.NDArray[Any]) -> None:
        totals[name] += np.bincount(slots, values, count).astype(np.uint64)

    packets = [table.column(f"packets_{way}")[rows] for way in ("forward", "backward")]
    add("bytes_out", sides.sent)
    add("bytes_in", sides.received)
    add("packets_out", np.where(sides.inbound, packets[1], packets[0]))
    add("packets_in", np.where(sides.inbound, packets[0], packets[1]))
    add("flow_count", table.column("begun")[rows])
    places = slots * CLASSES + np.minimum(table.column("class")[rows], CLASSES - 1)
    by_class = np.bincount(places, sides.sent + sides.received, count * CLASSES)
    totals["class_bytes"] += by_class.astype(np.uint64).reshape(count, CLASSES)
    _add_times(totals, table, sides, around)


def _add_times(
    totals: npt.NDArray[np.void], table: FlowTable, sides: Sides, around: Surroundings
) -> None:
    first, last = (table.column(name)[sides.rows] for name in ("first_ns", "last_ns"))
    began = np.full(len(totals), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(began, sides.slots, first // SECOND_NS)
    present = began < np.iinfo(np.uint64).max
    earlier = present & ((totals["first_seen"] == 0) | (began < totals["first_seen"]))
    totals["first_seen"][earlier] = began[earlier]
    ended = np.zeros(len(totals), np.uint64)
    np.maximum.at(ended, sides.slots, last // SECOND_NS)
    totals["last_seen"] = np.maximum(totals["last_seen"], ended)
    hour = ((last // SECOND_NS).astype(np.int64) + around.utc_offset_s) // 3600 % 24
    hours = np.zeros(len(totals), np.uint32)
    np.bitwise_or.at(hours, sides.slots, np.uint32(1) << hour.astype(np.uint32))
    totals["active_hours"] |= hours


def empty_totals(slots: int) -> npt.NDArray[np.void]:
    """Return ENDPOINT rows of an interval in which nothing has happened yet."""
    return np.zeros(slots, ENDPOINT)
