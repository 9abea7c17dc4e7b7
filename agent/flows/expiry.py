"""Which live flows have ended, by the clock, by TCP's word, or for want of room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.records import Ending

Array = npt.NDArray[Any]

FIN_BOTH: Final = 0x06
RST: Final = 0x08

PRESSURE_FILL: Final = 0.8
"""Above this share of the map, flows are closed early rather than new ones refused."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """When a quiet flow has ended, in ns."""

    idle_ns: int
    active_ns: int
    linger_ns: int  # after FIN in both directions or RST: late packets join the flow


def ended(live: Array, now_ns: int, timeouts: Timeouts, max_flows: int) -> Array:
    """Ending of each live flow (FLOW_DELTA, monotonic times): uint8, 0 where it goes on.

    Under pressure single-packet flows go first, then the longest idle, down to the
    threshold; now_ns is monotonic.
    """
    endings = np.zeros(len(live), np.uint8)
    quiet_ns = np.maximum(now_ns - live["last_ns"].astype(np.int64), 0)
    age_ns = now_ns - live["first_ns"].astype(np.int64)
    lingered = quiet_ns >= timeouts.linger_ns
    endings[age_ns >= timeouts.active_ns] = Ending.ACTIVE_TIMEOUT
    endings[lingered & (live["tcp_state"] & FIN_BOTH == FIN_BOTH)] = Ending.FIN
    endings[lingered & (live["tcp_state"] & RST != 0)] = Ending.RST
    endings[quiet_ns >= timeouts.idle_ns] = Ending.IDLE
    excess = int(len(live) - np.count_nonzero(endings) - PRESSURE_FILL * max_flows)
    if excess > 0:
        open_rows = np.flatnonzero(endings == 0)
        single = live["total_packets"][open_rows].sum(axis=1) == 1
        order = np.lexsort((-quiet_ns[open_rows], ~single))
        endings[open_rows[order[:excess]]] = Ending.PRESSURE
    return endings
