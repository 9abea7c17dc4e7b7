"""The records that agent and collector share, one table each; all else derives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

CLASS_NAMES: Final = (
    "unknown", "voice", "video", "interactive", "web", "file", "background",
)  # fmt: skip
"""Traffic classes; the index is the class number in every record."""

CLASSES: Final = len(CLASS_NAMES)

VOLUME_NAMES: Final = ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")
"""What each direction of an interface counts; seen is the sum of the others."""

OTHER_ENDPOINT: Final = "other"
"""Id of the endpoint that holds the traffic of all those without an entry of their own."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: numpy dtype of an element, unit ("": none), meaning, elements a row."""

    name: str
    dtype: str
    unit: str
    meaning: str
    width: int = 1


FLOW_FIELDS: Final = (
    Field(
        "source", "u1", "", "address of the first packet's sender; IPv4 mapped to IPv6", 16
    ),
    Field("destination", "u1", "", "the other end's address, likewise", 16),
    Field("source_port", "<u2", "", "ICMP: type << 8 | code, in both ports"),
    Field("destination_port", "<u2", "", "0 where the protocol has no ports"),
    Field("protocol", "u1", "", "IP protocol number"),
    Field("family", "u1", "", "4 or 6"),
    Field("interface", "<u2", "", "index into the batch's interfaces"),
    Field("class", "u1", "", "index into CLASS_NAMES"),
    Field("dscp", "u1", "", "code point of the last packet forward"),
    Field("vlan", "<u2", "", "outermost VLAN, 0: none"),
    Field("packets_forward", "<u8", "packets", "wire packets from source to destination"),
    Field("packets_backward", "<u8", "packets", "wire packets the other way"),
    Field("bytes_forward", "<u8", "bytes", "wire bytes from source to destination"),
    Field("bytes_backward", "<u8", "bytes", "wire bytes the other way"),
    Field("first_ns", "<u8", "unix ns", "first packet of the flow's life"),
    Field("last_ns", "<u8", "unix ns", "last packet so far"),
    Field(
        "rtt_ns", "<u8", "ns", "mean round-trip time over the flow's life, 0: not measured"
    ),
    Field(
        "retransmits", "<u4", "packets", "TCP retransmits in both directions, life to date"
    ),
)
"""A flow in one interval; packets and bytes are the interval's, the rest the flow's."""

ENDPOINT_FIELDS: Final = (
    Field("bytes_in", "<u8", "bytes", "wire bytes received"),
    Field("bytes_out", "<u8", "bytes", "wire bytes sent"),
    Field("packets_in", "<u8", "packets", "wire packets received"),
    Field("packets_out", "<u8", "packets", "wire packets sent"),
    Field("flow_count", "<u8", "flows", "flows that began, at either end"),
    Field("class_bytes", "<u8", "bytes", "sent and received, by class number", CLASSES),
    Field("first_seen", "<u8", "unix s", "first packet of the interval, by flow"),
    Field("last_seen", "<u8", "unix s", "last packet of the interval, by flow"),
    Field("active_hours", "<u4", "", "bit h: active in hour h of the configured time zone"),
    Field("version", "<u8", "", "grows with every update of the endpoint"),
)
"""An endpoint in one interval. Counts add up, first_seen takes the least, the others the
greatest; active_hours is joined by OR."""

ENDPOINT_SKETCHES: Final = {
    "unique_peers": "hll",
    "unique_ports": "hll",
    "unique_services": "hll",
    "port_frequency": "count_min",
    "service_frequency": "count_min",
    "top_ports": "frequent",
    "top_peers": "frequent",
    "packet_length": "kll",
    "flow_duration": "kll",
    "throughput": "kll",
}
"""Sketches of an endpoint: name and kind. count_min travels as grids (wire.columns)."""


def dtype_of(fields: tuple[Field, ...]) -> np.dtype[np.void]:
    """Return the structured dtype of a row, packed, little endian."""
    return np.dtype(
        [
            (item.name, item.dtype)
            if item.width == 1
            else (item.name, item.dtype, (item.width,))
            for item in fields
        ]
    )


FLOW: Final = dtype_of(FLOW_FIELDS)
ENDPOINT: Final = dtype_of(ENDPOINT_FIELDS)
