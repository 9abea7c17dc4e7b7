"""The simulator's vocabulary: flows, and the seconds in which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SECOND_NS: Final = 1_000_000_000
MICROSECOND_NS: Final = 1_000

FLOW: Final = np.dtype(
    [
        ("source_mac", "u1", (6,)),
        ("source", "u1", (16,)),  # IPv4 is mapped (::ffff:a.b.c.d)
        ("destination", "u1", (16,)),
        ("source_port", "<u2"),
        ("destination_port", "<u2"),
        ("protocol", "u1"),
        ("bytes", "<u8"),  # all of them from source to destination
        ("packets", "<u8"),
        ("start_ns", "<u8"),  # unix time, whole microseconds
    ]
)
"""A simulated flow: what one line of the CSV says, and nothing else."""


@dataclass(frozen=True, slots=True)
class Second:
    """The flows that begin in one second of the source's time, in that order."""

    start_ns: int  # unix time
    flows: Array  # FLOW


def none() -> Array:
    """Return no flows."""
    return np.zeros(0, FLOW)
