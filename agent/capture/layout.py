"""bpf/records.h as numpy dtypes; tests/bpf/test_layout.py holds the two together by BTF."""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.capture.orders import (
    BUCKET as BUCKET,
    CLASS_KEEP as CLASS_KEEP,
    CLASSES as CLASSES,
    DEAD_BASELINE as DEAD_BASELINE,
    DEAD_UNSHAPED as DEAD_UNSHAPED,
    DROP as DROP,
    END as END,
    END_OTHER as END_OTHER,
    END_SOURCE as END_SOURCE,
    FILTER as FILTER,
    FILTER_REFUSE as FILTER_REFUSE,
    FILTER_TAKE as FILTER_TAKE,
    LIMIT as LIMIT,
    LIMITS as LIMITS,
    MATCH as MATCH,
    MATCH_TABLE as MATCH_TABLE,
    MATCH_TABLES as MATCH_TABLES,
    MATCHES as MATCHES,
    NO_PORT as NO_PORT,
    SHAPING as SHAPING,
    TEST as TEST,
    TEST_FAMILY as TEST_FAMILY,
    TEST_NET as TEST_NET,
    TEST_PORT as TEST_PORT,
    TEST_PROTOCOL as TEST_PROTOCOL,
    TESTS as TESTS,
    VOLUME as VOLUME,
)
from agent.records import FLOW_DELTA

LAYOUT_VERSION: Final = 6
SLOTS: Final = 64
HOOKS: Final = 2
OUTCOMES: Final = ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")
INTERFACE_ENTRIES: Final = 65536
SCRATCH_BYTES: Final = 1248
"""Of a program's working memory, which user space never reads."""

RX: Final = 0
TX: Final = 1

KEY_FAMILY: Final = 0x0F
KEY_FRAGMENT: Final = 0x10
KEY_UNIDIRECTIONAL: Final = 0x20

STATE_FORWARD_IS_LOW: Final = 0x01
STATE_FIN_FORWARD: Final = 0x02
STATE_FIN_BACKWARD: Final = 0x04
STATE_RST: Final = 0x08
STATE_MERGED: Final = 0x10

INTERFACE_NO_V4: Final = 0x01
INTERFACE_NO_V6: Final = 0x02
INTERFACE_UNIDIRECTIONAL: Final = 0x04
INTERFACE_LAYER3: Final = 0x08
INTERFACE_FILTER: Final = 0x10
INTERFACE_SHAPED: Final = 0x20

SLOT_USED: Final = 0x01
SLOT_MADE_CLSACT: Final = 0x02
SLOT_MADE_PROMISCUOUS: Final = 0x04

CLOSING_ASKED: Final = 1
CLOSING_DONE: Final = 2
CLOSING_GONE: Final = 3

KEY: Final = np.dtype(
    [
        ("low_address", "u1", (16,)),
        ("high_address", "u1", (16,)),
        ("low_port", "<u2"),
        ("high_port", "<u2"),
        ("slot", "<u2"),
        ("protocol", "u1"),
        ("family", "u1"),
    ]
)

SQUARE: Final = np.dtype([("low", "<u8"), ("high", "<u8")])

PERIODS: Final = np.dtype(
    [
        ("count", "<u8"),
        ("sum_ns", "<u8"),
        ("square_ns", SQUARE),
        ("min_ns", "<u8"),
        ("max_ns", "<u8"),
    ]
)

DIRECTION: Final = np.dtype(
    [
        ("first_ns", "<u8"),
        ("last_ns", "<u8"),
        ("gap_square_ns", SQUARE),
        ("gap_min_ns", "<u8"),
        ("gap_max_ns", "<u8"),
        ("payload_bytes", "<u8"),
        ("payload_square", "<u8"),
        ("length_square", "<u8"),
        ("header_bytes", "<u8"),
        ("payload_min", "<u4"),
        ("payload_max", "<u4"),
        ("length_min", "<u4"),
        ("length_max", "<u4"),
        ("header_min", "<u4"),
        ("data_packets", "<u4"),
        ("first_window", "<u2"),
        ("first_dscp", "u1"),
        ("ttl_min", "u1"),
        ("ttl_max", "u1"),
        ("sequence_seen", "u1"),
        ("timestamp_seen", "u1"),
        ("padding", "u1"),
        ("run_start_ns", "<u8"),
        ("run_bytes", "<u8"),
        ("flags", "<u4", (8,)),
        ("length_histogram", "<u4", (8,)),
        ("gap_histogram", "<u4", (16,)),
        ("run_last_ns", "<u8"),
        ("run_packets", "<u4"),
        ("next_sequence", "<u4"),
        ("timestamp_newest", "<u4"),
        ("timestamp_awaited", "<u4"),
        ("timestamp_ns", "<u8"),
        ("bulk_bytes", "<u8"),
        ("bulk_packets", "<u8"),
        ("bulk_duration_ns", "<u8"),
        ("bulk_count", "<u4"),
        ("padding_bulk", "<u4"),
    ]
)

RECORD: Final = np.dtype(
    [
        ("first_ns", "<u8"),
        ("last_ns", "<u8"),
        ("state", "u1"),
        ("class", "u1"),
        ("class_source", "u1"),
        ("limit", "u1"),
        ("dscp", "u1", (2,)),
        ("vlan", "<u2"),
        ("gap_square_ns", SQUARE),
        ("direction", DIRECTION, (2,)),
        ("active", PERIODS),
        ("idle", PERIODS),
        ("rtt", PERIODS, (2,)),
        ("paid_ns", "<u8", (HOOKS,)),
        ("padding", "<u8", (2,)),
        ("active_start_ns", "<u8"),
        ("subflows", "<u4"),
        ("icmp_type", "u1"),
        ("icmp_code", "u1"),
        ("padding_icmp", "<u2"),
        ("retransmits", "<u4", (2,)),
        ("smoothed_rtt_ns", "<u8"),
        ("volume", VOLUME, (2, 2)),  # hook, orientation
        ("gap_min_ns", "<u8"),
        ("gap_max_ns", "<u8"),
        ("lock", "<u4"),
        ("padding_lock", "<u4"),
        ("id", "<u8"),
    ]
)

COUNTERS: Final = np.dtype(
    [
        ("seen", VOLUME),
        ("non_ip", VOLUME),
        ("unparsed", VOLUME),
        ("filtered", VOLUME),
        ("ended", VOLUME),
        ("overflow", VOLUME, (4,)),  # tcp, udp, icmp, other
        ("by_class", VOLUME, (CLASSES,)),
    ]
)

INTERFACE: Final = np.dtype(
    [("ifindex", "<u4"), ("slot", "<u2"), ("flags", "u1"), ("padding", "u1")]
)

CLOSING: Final = np.dtype(
    [
        ("key", KEY),
        ("id", "<u8"),
        ("sequence", "<u8"),
        ("status", "<u4"),
        ("reason", "<u4"),
        ("record", RECORD),
    ]
)

VERDICT: Final = np.dtype(
    [
        ("key", KEY),
        ("id", "<u8"),
        ("class", "u1"),
        ("class_source", "u1"),
        ("limit", "u1"),
        ("padding", "u1", (5,)),
    ]
)

REPORTED: Final = np.dtype(
    [("id", "<u8"), ("packets", "<u8", (2,)), ("bytes", "<u8", (2,))]
)

BOOKMARK: Final = np.dtype(
    [
        ("sequence", "<u8"),
        ("flows", "<u8"),
        ("outcome", VOLUME, (SLOTS * HOOKS, len(OUTCOMES))),
        ("by_class", VOLUME, (SLOTS * HOOKS, CLASSES)),
    ]
)

SLOT: Final = np.dtype([("name", "S16"), ("ifindex", "<u4"), ("flags", "<u4")])

EPOCH: Final = np.dtype(
    [
        ("boot", "u1", (16,)),
        ("layout_version", "<u4"),
        ("padding", "<u4"),
        ("program", "u1", (32,)),
    ]
)

CURSOR: Final = np.dtype([("next", "<u4"), ("end", "<u4")])

STRUCTURES: Final = {
    "weir_volume": VOLUME,
    "weir_key": KEY,
    "weir_square": SQUARE,
    "weir_periods": PERIODS,
    "weir_direction": DIRECTION,
    "weir_record": RECORD,
    "weir_counters": COUNTERS,
    "weir_interface": INTERFACE,
    "weir_test": TEST,
    "weir_filter": FILTER,
    "weir_end": END,
    "weir_match": MATCH,
    "weir_matches": MATCH_TABLE,
    "weir_match_tables": MATCH_TABLES,
    "weir_closing": CLOSING,
    "weir_verdict": VERDICT,
    "weir_sample": FLOW_DELTA,
    "weir_shaping": SHAPING,
    "weir_limit": LIMIT,
    "weir_bucket": BUCKET,
    "weir_reported": REPORTED,
    "weir_bookmark": BOOKMARK,
    "weir_slot": SLOT,
    "weir_epoch": EPOCH,
    "weir_cursor": CURSOR,
}
"""Each C structure and its twin here."""

MAPS: Final = {
    "flows": RECORD,
    "interfaces": INTERFACE,
    "counters": COUNTERS,
    "port_classes": np.dtype("u1"),
    "dscp_classes": np.dtype("u1"),
    "filter": FILTER,
    "scratch": None,
    "closing": CLOSING,
    "verdicts": VERDICT,
    "samples": FLOW_DELTA,
    "walked": VOLUME,
    "shaping": SHAPING,
    "policers": BUCKET,
    "matches": MATCH_TABLES,
    "flow_limits": LIMIT,
    "limited": VOLUME,
    "cursors": CURSOR,
    "epoch": EPOCH,
    "slots": SLOT,
    "bookmarks": BOOKMARK,
    "reported": REPORTED,
}
"""Every map of bpf/maps.h and what its values are; None: user space never looks."""
