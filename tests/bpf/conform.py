"""What a run showed, held to what a frame is expected to be."""

from __future__ import annotations

from typing import Any

from agent.capture.layout import KEY_FAMILY, KEY_FRAGMENT
from tests.bpf.engine import Flow, Seen
from tests.support.frames import Expected

_ANSWERS = {0: 8, 14: 13, 16: 15, 18: 17}
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


def differences(seen: Seen, told: Expected, packets: int = 1) -> list[str]:
    """Every way in which a run is not what it should be; wire_bytes is the frame's."""
    volume = (1, packets, told.wire_bytes)
    wanted = {"seen": volume}
    if told.outcome != "flow":
        wanted[told.outcome] = volume
    found = _unequal({"outcomes": (seen.outcomes, wanted)})
    if (seen.flow is None) != (told.outcome != "flow"):
        return [*found, f"flow {seen.flow is not None}, told {told.outcome}"]
    return found if seen.flow is None else found + _flow_differences(seen.flow, told)


def _unequal(pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    return [f"{k}: {is_} not {told}" for k, (is_, told) in pairs.items() if is_ != told]


def _flow_differences(flow: Flow, told: Expected) -> list[str]:
    later = told.fragment == "later"
    source, destination = told.end(True), told.end(False)
    if told.icmp and not later:
        kind, code = told.icmp
        kind = {129: 128}.get(kind, kind) if told.family == 6 else _ANSWERS.get(kind, kind)
        source = (source[0], kind << 8 | code)
        destination = (destination[0], kind << 8 | code)
    # A SYN with an ACK is an answer: the flow began at its other end.
    answers = told.tcp_flags is not None and told.tcp_flags & 0x12 == 0x12
    if answers:
        source, destination = destination, source
    record, way = flow.record, flow.record["direction"][int(answers)]
    pairs: dict[str, tuple[Any, Any]] = {
        "ends": (flow.ends, (source, destination)),
        "protocol": (int(flow.key["protocol"]), told.protocol),
        "family": (int(flow.key["family"]) & KEY_FAMILY, told.family),
        "fragment": (bool(flow.key["family"] & KEY_FRAGMENT), later),
        "vlan": (int(record["vlan"]), told.vlan),
        "dscp": (int(record["dscp"][int(answers)]), told.dscp),
        "ttl": ((int(way["ttl_min"]), int(way["ttl_max"])), (told.ttl, told.ttl)),
        "length": (int(way["length_max"]), told.wire_bytes),
    }
    if told.icmp and not later:
        pairs["icmp"] = ((int(record["icmp_type"]), int(record["icmp_code"])), told.icmp)
    if told.tcp_flags is not None:
        flags = sum(bool(way["flags"][bit]) << bit for bit in range(8))
        pairs["flags"] = (flags, told.tcp_flags)
        pairs["window"] = (int(way["first_window"]), told.window)
    if told.header_bytes is not None:
        pairs["header"] = (int(way["header_bytes"]), told.header_bytes)
    if told.payload_bytes is not None:
        pairs["payload"] = (int(way["payload_bytes"]), told.payload_bytes)
    return _unequal(pairs)
