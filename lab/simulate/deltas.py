"""Simulated flows as the agent's own records: what a walk of its map would have told."""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.classify.ports import by_port
from agent.records import FLOW_DELTA
from lab.simulate.flows import Array
from wire.items import PROTOCOL_NAMES

SLOT: Final = 0
"""Of the one interface."""

CLASS_BY_PORT: Final = by_port()
_SOURCE_NONE, _SOURCE_PORT = 0, 2  # bpf/records.h WEIR_SOURCE_*
_MAPPED: Final = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
_WITHOUT_PORTS: Final = np.isin(np.arange(256), list(PROTOCOL_NAMES), invert=True)


def deltas_of(flows: Array, first_id: int) -> Array:
    """Return FLOW_DELTA rows of flows that were never seen before, ids from first_id on.

    A simulated flow is its bytes at its start: it has no duration, so none is told.
    """
    rows = np.zeros(len(flows), FLOW_DELTA)
    rows["id"] = first_id + np.arange(len(flows))
    for name in ("source", "destination", "source_port", "destination_port", "protocol"):
        rows[name] = flows[name]
    without = _WITHOUT_PORTS[flows["protocol"]]
    rows["source_port"][without] = rows["destination_port"][without] = 0
    mapped = (flows["source"][:, :12] == _MAPPED).all(axis=1)
    rows["family"] = np.where(mapped, 4, 6)
    rows["slot"] = SLOT
    rows["class"] = classes_of(rows["source_port"], rows["destination_port"])
    rows["class_source"] = np.where(rows["class"], _SOURCE_PORT, _SOURCE_NONE)
    rows["new"] = rows["home"] = True
    for name in ("packets", "bytes"):
        rows[name][:, 0] = rows[f"total_{name}"][:, 0] = flows[name]
    rows["first_ns"] = rows["last_ns"] = flows["start_ns"]
    return rows


def classes_of(source_port: Array, destination_port: Array) -> Array:
    """Return class numbers as the kernel finds them: the destination's port comes first."""
    found = CLASS_BY_PORT[destination_port]
    return np.where(found, found, CLASS_BY_PORT[source_port])
