"""Who talks to whom: the identity columns of a flow, from its key and orientation."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import STATE_FORWARD_IS_LOW

ENDS: Final = np.dtype(
    [
        ("source", "u1", (16,)),
        ("destination", "u1", (16,)),
        ("source_port", "<i8"),
        ("destination_port", "<i8"),
        ("protocol", "<i8"),
    ]
)
"""Forward's source and destination; IPv4 is mapped. ICMP has no ports: both are 0."""


def ends(flows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """ENDS of flows (FLOW layout), shape (n,)."""
    key = flows["key"]
    forward = (flows["record"]["state"] & STATE_FORWARD_IS_LOW) != 0
    out = np.empty(len(flows), ENDS)
    low, high = key["low_address"], key["high_address"]
    out["source"] = np.where(forward[:, None], low, high)
    out["destination"] = np.where(forward[:, None], high, low)
    protocol = key["protocol"]
    family = key["family"] & 0x0F
    ported = ~((protocol == 1) & (family == 4) | (protocol == 58) & (family == 6))
    out["source_port"] = np.where(forward, key["low_port"], key["high_port"]) * ported
    out["destination_port"] = np.where(forward, key["high_port"], key["low_port"]) * ported
    out["protocol"] = protocol
    return out
