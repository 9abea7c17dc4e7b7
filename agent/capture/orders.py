"""What the agent tells packet programs: filter, matches, shaping, limits (bpf/orders.h).

agent/capture/layout.py has the rest of the seam, and names these too.
"""

from __future__ import annotations

from typing import Final

import numpy as np

CLASSES: Final = 8
NO_PORT: Final = 65536
TESTS: Final = 32
TEST_FAMILY: Final = 1
TEST_PROTOCOL: Final = 2
TEST_NET: Final = 3
TEST_PORT: Final = 4
FILTER_TAKE: Final = 254
FILTER_REFUSE: Final = 255
END_SOURCE: Final = 1
END_OTHER: Final = 2

MATCHES: Final = 64
CLASS_KEEP: Final = 255
LIMITS: Final = 64
DROP: Final = 255
DEAD_BASELINE: Final = 0
DEAD_UNSHAPED: Final = 1

VOLUME: Final = np.dtype([("frames", "<u8"), ("packets", "<u8"), ("bytes", "<u8")])

TEST: Final = np.dtype(
    [
        ("kind", "u1"),
        ("ends", "u1"),
        ("yes", "u1"),
        ("no", "u1"),
        ("low", "<u2"),
        ("high", "<u2"),
        ("address", "u1", (16,)),
        ("mask", "u1", (16,)),
    ]
)

FILTER: Final = np.dtype([("count", "<u4"), ("padding", "<u4"), ("tests", TEST, (TESTS,))])

END: Final = np.dtype(
    [
        ("address", "u1", (16,)),
        ("mask", "u1", (16,)),
        ("low_port", "<u4"),
        ("high_port", "<u4"),
    ]
)

MATCH: Final = np.dtype(
    [
        ("slots", "<u8"),
        ("code_points", "<u8"),
        ("ends", END, (2,)),
        ("protocol", "u1"),
        ("protocol_mask", "u1"),
        ("family", "u1"),
        ("family_mask", "u1"),
        ("class", "u1"),
        ("limit", "u1"),
        ("padding", "u1", (2,)),
    ]
)

MATCH_TABLE: Final = np.dtype(
    [("count", "<u4"), ("padding", "<u4"), ("entries", MATCH, (MATCHES,))]
)

MATCH_TABLES: Final = np.dtype(
    [("current", "<u4"), ("padding", "<u4"), ("tables", MATCH_TABLE, (2,))]
)

SHAPING: Final = np.dtype(
    [
        ("deadline_ns", "<u8"),
        ("root", "<u4"),
        ("mode", "u1"),
        ("policed", "u1"),
        ("dead", "u1"),
        ("padding", "u1"),
        ("marks", "u1", (CLASSES,)),
        ("excess", "u1", (CLASSES,)),
        ("limits", "u1", (CLASSES,)),
    ]
)

BUCKET: Final = np.dtype(
    [
        ("rate_bytes_s", "<u8"),
        ("burst_ns", "<u8"),
        ("expires_ns", "<u8"),
        ("last_ns", "<u8"),
        ("credit_ns", "<i8"),
        ("over", VOLUME),
        ("lock", "<u4"),
        ("padding", "<u4"),
    ]
)

LIMIT: Final = np.dtype(
    [
        ("rate_bytes_s", "<u8"),
        ("burst_ns", "<u8"),
        ("excess", "u1"),
        ("padding", "u1", (7,)),
    ]
)
