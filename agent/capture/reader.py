"""Raw map values to the columns that the agent works on."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import (
    CLASSES,
    CLOSING_ASKED,
    CLOSING_DONE,
    HOOKS,
    KEY_FAMILY,
    OUTCOMES,
    SLOTS,
    STATE_FORWARD_IS_LOW,
)
from agent.records import FLOW_DELTA, Counters

Array = npt.NDArray[Any]

ASKED: Final = CLOSING_ASKED

_SLOT_MASK: Final = np.uint64(0xFFFF0000FFFFFFFF)
_FACTORS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def _mix(value: Array) -> Array:
    value = (value ^ (value >> np.uint64(30))) * _FACTORS[0]
    value = (value ^ (value >> np.uint64(27))) * _FACTORS[1]
    mixed: Array = value ^ (value >> np.uint64(31))
    return mixed


def tuple_hash(keys: Array) -> Array:
    """64-bit hash of each key (layout.KEY) but its slot, as bpf/walk.h has it."""
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(len(keys), 5)
    value = words[:, 4] & _SLOT_MASK
    for column in range(4):
        value = _mix(value ^ words[:, column])
    return value


def rows(keys: Array, records: Array) -> Array:
    """Walk rows (FLOW_DELTA, times monotonic) of keys and records (layout.KEY, RECORD).

    What bpf/walk.h does for live flows in the kernel, for records that came out whole.
    """
    out = np.zeros(len(keys), FLOW_DELTA)
    is_low = (records["state"] & STATE_FORWARD_IS_LOW) != 0
    low, high = keys["low_address"], keys["high_address"]
    out["source"] = np.where(is_low[:, None], low, high)
    out["destination"] = np.where(is_low[:, None], high, low)
    out["source_port"] = np.where(is_low, keys["low_port"], keys["high_port"])
    out["destination_port"] = np.where(is_low, keys["high_port"], keys["low_port"])
    out["tuple"] = tuple_hash(keys)
    out["family"] = keys["family"] & KEY_FAMILY
    out["key_family"] = keys["family"]
    for name in ("slot", "protocol"):
        out[name] = keys[name]
    for name in ("id", "class", "class_source", "vlan", "first_ns", "last_ns"):
        out[name] = records[name]
    out["tcp_state"] = records["state"]
    volume = records["volume"]
    out["total_packets"] = volume["packets"][:, 0] + volume["packets"][:, 1]
    out["total_bytes"] = volume["bytes"][:, 0] + volume["bytes"][:, 1]
    out["dscp"] = records["dscp"][:, 0]
    out["retransmits"] = records["retransmits"]
    out["rtt_ns"] = records["smoothed_rtt_ns"]
    return out


def keys_of(samples: Array, key: np.dtype[Any]) -> Array:
    """The map keys (layout.KEY) that walk rows came from."""
    out = np.zeros(len(samples), key)
    is_low = ((samples["tcp_state"] & STATE_FORWARD_IS_LOW) != 0)[:, None]
    source, destination = samples["source"], samples["destination"]
    out["low_address"] = np.where(is_low, source, destination)
    out["high_address"] = np.where(is_low, destination, source)
    is_low = is_low[:, 0]
    ports = samples["source_port"], samples["destination_port"]
    out["low_port"] = np.where(is_low, ports[0], ports[1])
    out["high_port"] = np.where(is_low, ports[1], ports[0])
    out["slot"] = samples["slot"]
    out["protocol"] = samples["protocol"]
    out["family"] = samples["key_family"]
    return out


def volumes(array: Array) -> Array:
    """layout.VOLUME values as uint64 with one more axis: frames, packets, bytes."""
    words = np.ascontiguousarray(array).view(np.uint64)
    return words.reshape(*array.shape, 3)


def counters(raw: Array, live: Array) -> Counters:
    """Outcomes per interface from layout.COUNTERS (SLOTS, HOOKS) and live volumes.

    live: uint64 (SLOTS, HOOKS, 3), of a walk after which nothing but closed flows ended.
    """
    overflow = volumes(np.ascontiguousarray(raw["overflow"])).sum(axis=2, dtype=np.uint64)
    by_class = volumes(np.ascontiguousarray(raw["by_class"]))
    return Counters(
        seen=volumes(raw["seen"]),
        flows=volumes(raw["ended"]) + live,
        overflow=overflow,
        non_ip=volumes(raw["non_ip"]),
        unparsed=volumes(raw["unparsed"]),
        filtered=volumes(raw["filtered"]),
        by_class=by_class.reshape(SLOTS, HOOKS, CLASSES, 3),
    )


def ended(raw: Array) -> Array:
    """What closed flows had counted (layout.COUNTERS): uint64 (SLOTS, HOOKS, 3)."""
    return volumes(raw["ended"])


def closed_rows(entries: Array) -> Array:
    """Last rows (FLOW_DELTA, times monotonic) of the ring entries that were closed."""
    done = entries[entries["status"] == CLOSING_DONE]
    out = rows(np.ascontiguousarray(done["key"]), done["record"])
    out["ending"] = done["reason"]
    return out


def write_counters(bookmark: Array, counted: Counters) -> None:
    """Fill a bookmark (layout.BOOKMARK, one row) with everything counted."""
    outcome = np.stack([getattr(counted, name) for name in OUTCOMES], axis=2)
    volumes_into(bookmark["outcome"][0], outcome.reshape(SLOTS * HOOKS, len(OUTCOMES), 3))
    volumes_into(bookmark["by_class"][0], counted.by_class.reshape(-1, CLASSES, 3))


def read_counters(bookmark: np.void) -> Counters:
    """What a bookmark (layout.BOOKMARK) says had been counted."""
    outcome = volumes(bookmark["outcome"]).reshape(SLOTS, HOOKS, len(OUTCOMES), 3)
    by_class = volumes(bookmark["by_class"]).reshape(SLOTS, HOOKS, CLASSES, 3)
    by_name = {name: outcome[:, :, i].copy() for i, name in enumerate(OUTCOMES)}
    return Counters(**by_name, by_class=by_class.copy())


def volumes_into(target: Array, values: Array) -> None:
    """Write uint64 (..., 3) into an array of layout.VOLUME."""
    for index, name in enumerate(("frames", "packets", "bytes")):
        target[name] = values[..., index]
