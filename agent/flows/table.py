"""What each live flow had when it was last looked at, and so what it did since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.flows.home import elect

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Known:
    """Flows of the previous walk, sorted by id; the arrays run in parallel."""

    id: Array = field(default_factory=lambda: np.zeros(0, np.uint64))
    packets: Array = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    bytes: Array = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    home: Array = field(default_factory=lambda: np.zeros(0, np.bool_))
    elected: bool = True  # False: home is yet to be decided, after a restart


@dataclass(frozen=True, slots=True)
class Merged:
    """One walk's result, FLOW_DELTA with unix times, and what is known from now on."""

    deltas: Array
    live: Array  # every live flow, with or without traffic since
    known: Known


def merge(known: Known, live: Array, ended: Array, unix_offset_ns: int) -> Merged:
    """Turn a walk's rows into deltas: flows with traffic since, or ended.

    live, ended: FLOW_DELTA with monotonic times, `ending` set where a flow has ended.
    unix_offset_ns: unix time minus monotonic time. A flow met for the first time counts
    from its first packet.
    """
    order = np.argsort(live["id"])
    everything = (
        np.concatenate((live.take(order), ended)) if len(ended) else live.take(order)
    )
    position, found = _find(known.id, everything["id"])
    was_home = np.zeros(len(everything), np.bool_)
    was_home[found] = known.home[position[found]]
    home, home_next = elect(everything, found & known.elected, was_home)
    packets = np.array(everything["total_packets"])
    octets = np.array(everything["total_bytes"])
    following = Known(
        everything["id"][: len(live)].copy(),
        packets[: len(live)].copy(),
        octets[: len(live)].copy(),
        home_next[: len(live)],
    )
    packets[found] -= known.packets[position[found]]
    octets[found] -= known.bytes[position[found]]
    everything["packets"] = packets
    everything["bytes"] = octets
    everything["new"] = ~found
    everything["home"] = home
    for name in ("first_ns", "last_ns"):
        # A clock that was never set may be behind the time since boot.
        everything[name] = np.maximum(everything[name].astype(np.int64) + unix_offset_ns, 0)
    moved = (packets[:, 0] | packets[:, 1] | everything["ending"]) != 0
    deltas = everything if moved.all() else everything[moved]
    return Merged(deltas, everything[: len(live)], following)


def _find(sorted_ids: Array, ids: Array) -> tuple[Array, Array]:
    """Position of each id in a sorted array, and whether it is there at all."""
    if not len(sorted_ids):
        return np.zeros(len(ids), np.intp), np.zeros(len(ids), np.bool_)
    position = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return position, sorted_ids[position] == ids
