"""The agent's vocabulary: plain data that rooms hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wire.batch import Batch

Array = npt.NDArray[np.void]

CLASS_NAMES: Final = (
    "unknown", "voice", "video", "interactive", "web", "file", "background",
)  # fmt: skip
"""Traffic classes; the index is the kernel's number (bpf/orders.h, enum weir_class)."""

HOOKS: Final = ("rx", "tx")
UNITS: Final = ("frames", "packets", "bytes")


class Ending(IntEnum):
    """Why a flow's record was closed."""

    OPEN = 0
    IDLE = 1
    ACTIVE_TIMEOUT = 2
    FIN = 3
    RST = 4
    PRESSURE = 5
    SHUTDOWN = 6


FLOW_DELTA: Final = np.dtype(
    [
        ("id", "<u8"),  # this life of the flow's key
        ("tuple", "<u8"),  # hash of the key without its interface
        ("source", "u1", (16,)),  # of the first packet; IPv4 is mapped (::ffff:a.b.c.d)
        ("destination", "u1", (16,)),
        ("source_port", "<u2"),  # host order; ICMP: type << 8 | code in both
        ("destination_port", "<u2"),
        ("slot", "<u2"),  # index into the interfaces of the tick
        ("protocol", "u1"),
        ("family", "u1"),  # 4 or 6
        ("class", "u1"),
        ("class_source", "u1"),  # bpf/records.h WEIR_SOURCE_*
        ("dscp", "u1"),  # last one seen, forward
        ("tcp_state", "u1"),  # bpf/records.h WEIR_STATE_*
        ("ending", "u1"),  # Ending
        ("new", "?"),  # first delta of this flow
        ("home", "?"),  # False: another interface reports the same packets
        ("key_family", "u1"),  # the key's own byte, WEIR_KEY_*
        ("vlan", "<u2"),
        ("padding", "<u2", (3,)),
        ("packets", "<u8", (2,)),  # forward, backward: since the previous delta
        ("bytes", "<u8", (2,)),  # wire bytes, likewise
        ("total_packets", "<u8", (2,)),  # since the flow began
        ("total_bytes", "<u8", (2,)),
        ("retransmits", "<u4", (2,)),  # since the flow began
        ("rtt_ns", "<u8"),  # smoothed, 0: not measured
        ("first_ns", "<u8"),  # unix time
        ("last_ns", "<u8"),
    ]
)
"""What one flow did since the previous walk. Rows: flows with traffic, or ended since.

The same layout as struct weir_sample of bpf/records.h: a walk's rows, whose times are
monotonic and whose deltas are 0, become deltas in place.
"""


@dataclass(frozen=True, slots=True)
class Interface:
    """One watched interface, as it stands now."""

    name: str
    ifindex: int
    slot: int
    mac: str
    mtu: int
    speed_bps: int  # 0: unknown
    addresses: tuple[str, ...]
    is_up: bool
    rx_mode: str  # xdp-native | xdp-generic | tcx | clsact
    tx_mode: str


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative counts since the maps were made, one row a slot.

    Arrays are uint64 of shape (slots, hooks 2, units 3: frames, packets, bytes).
    seen == flows + overflow + non_ip + unparsed + filtered (docs/architecture.md).
    """

    seen: npt.NDArray[np.uint64]
    flows: npt.NDArray[np.uint64]
    overflow: npt.NDArray[np.uint64]
    non_ip: npt.NDArray[np.uint64]
    unparsed: npt.NDArray[np.uint64]
    filtered: npt.NDArray[np.uint64]
    by_class: npt.NDArray[np.uint64]  # (slots, hooks, classes 8, units)

    @classmethod
    def none(cls, slots: int = 64) -> Counters:
        """Nothing counted yet."""
        names = ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")
        return cls(
            **{name: np.zeros((slots, 2, 3), np.uint64) for name in names},
            by_class=np.zeros((slots, 2, 8, 3), np.uint64),
        )

    def arrays(self) -> tuple[npt.NDArray[np.uint64], ...]:
        """Every array, in the fields' order."""
        return (
            self.seen,
            self.flows,
            self.overflow,
            self.non_ip,
            self.unparsed,
            self.filtered,
            self.by_class,
        )


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment, and what the shell knows at it."""

    now_ns: int  # monotonic
    unix_offset_ns: int  # unix time minus monotonic time
    closing: bool = False  # walk and close the batch now, whatever is due
    final: bool = False  # and end every flow
    health: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one step decided; the daemon carries it out."""

    batch: Batch | None = None
    notes: tuple[str, ...] = ()
