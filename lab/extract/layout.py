"""The engine's structures as numpy dtypes (native/track.h, cic_flow.h, settings.h)."""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.capture.layout import KEY, RECORD, VOLUME

ENDINGS: Final = (
    "open", "idle", "active timeout", "FIN", "RST", "pressure", "end of capture",
    "port re-use",
)  # fmt: skip

EXTRA: Final = np.dtype(
    [
        ("first_packet", "<u8"),  # number in the capture, from 0
        ("last_packet", "<u8"),
        ("end_packet", "<u8"),
        ("initial_sequence", "<u4", (2,)),
        ("duplicates", "<u4", (2,)),
        ("late", "<u4", (2,)),  # packets put back in order
        ("recent", "<u4", (2, 4)),
        ("syn_seen", "u1", (2,)),
        ("ending", "u1"),  # index into ENDINGS
        ("told", "u1"),
        ("touched", "u1"),
        ("recent_at", "u1", (2,)),
        ("continued", "u1"),  # an active timeout cut the flow before this one
    ]
)

FLOW: Final = np.dtype([("key", KEY), ("record", RECORD), ("extra", EXTRA)])
"""One flow: the kernel's key and record, and what only a capture tells."""

STATISTICS: Final = np.dtype(
    [
        ("count", "<u8"),
        ("sum", "<f8"),
        ("min", "<f8"),
        ("max", "<f8"),
        ("mean", "<f8"),
        ("deviations", "<f8"),
    ]
)

BULK: Final = np.dtype(
    [
        ("start_us", "<i8"),
        ("last_us", "<i8"),
        ("run_packets", "<u8"),
        ("run_bytes", "<u8"),
        ("count", "<u8"),
        ("packets", "<u8"),
        ("bytes", "<u8"),
        ("duration_us", "<i8"),
    ]
)

CIC_FLOW: Final = np.dtype(
    [
        ("key", KEY),
        ("source", "u1", (16,)),
        ("destination", "u1", (16,)),
        ("source_port", "<u2"),
        ("destination_port", "<u2"),
        ("protocol", "u1"),
        ("family", "u1"),
        ("state", "u1"),
        ("reversed", "u1"),
        ("first_packet", "<u8"),
        ("start_us", "<i8"),
        ("last_us", "<i8"),
        ("side_last_us", "<i8", (2,)),
        ("active_start_us", "<i8"),
        ("active_end_us", "<i8"),
        ("subflow_last_us", "<i8"),
        ("subflows", "<u8"),
        ("packets", "<u8", (2,)),
        ("header_bytes", "<u8", (2,)),
        ("payload_bytes", "<u8", (2,)),
        ("header_min", "<u8", (2,)),
        ("data_packets", "<u8", (2,)),
        ("flags", "<u8", (8,)),
        ("side_flags", "<u8", (2, 8)),
        ("fins", "<u8", (2,)),
        ("window", "<u8", (2,)),
        ("retransmits", "<u8", (2,)),
        ("connection_us", "<i8"),
        ("icmp_type", "<i4"),
        ("icmp_code", "<i4"),
        ("length", STATISTICS),
        ("side_length", STATISTICS, (2,)),
        ("gap", STATISTICS),
        ("side_gap", STATISTICS, (2,)),
        ("active", STATISTICS),
        ("idle", STATISTICS),
        ("bulk", BULK, (2,)),
        ("segments", "<u8", (2,)),
    ]
)
"""One flow as CICFlowMeter measures it (native/cic_flow.h)."""

TALLY: Final = np.dtype(
    [
        ("seen", VOLUME),
        ("flows", VOLUME),
        ("non_ip", VOLUME),
        ("unparsed", VOLUME),
        ("filtered", VOLUME),
        ("unknown_link", VOLUME),
        ("duplicates", "<u8"),
        ("late", "<u8"),
        ("evicted", "<u8"),
        ("first_ns", "<u8"),
        ("last_ns", "<u8"),
        ("live", "<u8"),
        ("ended", "<u8"),
        ("unknown_type", "<u8"),  # the last link type nobody knows
    ]
)
"""seen == flows + non_ip + unparsed + filtered + unknown_link, in packets and bytes."""
