"""Frames with known content through the loaded programs of both back ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.capture import layout
from tests.bpf.conform import differences
from tests.bpf.engine import (
    HOOKS,
    XDP_LIMIT,
    Engine,
    context_for,
    skb_context,
)
from tests.support import frames as build
from tests.support.frames import Built, Expected
from tests.support.mix import mixed

pytestmark = pytest.mark.root

V4, V4_B = "192.0.2.1", "198.51.100.2"
V6, V6_B = "2001:db8::1", "2001:db8:ffff::2"
UDP = build.udp(5000, 53, b"payload")
TCP = build.tcp(40000, 443, b"x" * 100, flags=build.ACK | build.PSH, window=1234)
EIGHT = [
    (build.HOP_BY_HOP, build.extension()),
    (build.DEST_OPTIONS, build.extension(bytes(22))),
    (build.ROUTING, build.extension(bytes(6))),
    (build.DEST_OPTIONS, build.extension()),
    build.ah(),
    build.atomic_fragment(),
    (build.DEST_OPTIONS, build.extension(bytes(100))),
    (135, build.extension(bytes(14))),
]


def four(segment: build.Segment = UDP, **options: Any) -> build.Packet:
    return build.ipv4(V4, V4_B, segment, **options)


def six(segment: build.Segment = UDP, **options: Any) -> build.Packet:
    return build.ipv6(V6, V6_B, segment, **options)


def unparsed(built: Built) -> Built:
    frame, told = built
    return frame, Expected("unparsed", wire_bytes=len(frame), vlan=told.vlan)


def short_header(frame: bytes, at: int, value: int) -> bytes:
    return frame[:at] + bytes([value]) + frame[at + 1 :]


TAGGED = ((build.STAG, 0x6064), (build.CTAG, 0x2007))
WORDS = build.tcp_timestamps(7, 9)
LONG = build.udp(7, 8, bytes(2000))
FOUR_PARTS = build.ipv4_fragments(V4, V4_B, LONG, size=1024)
SIX_PARTS = build.ipv6_fragments(V6, V6_B, LONG, size=1024, extensions=EIGHT[:2])

TABLE: dict[str, Built] = {
    "udp over IPv4": build.ethernet(four()),
    "udp over IPv6": build.ethernet(six()),
    "tcp with payload": build.ethernet(four(TCP)),
    "tcp over IPv6": build.ethernet(six(TCP, dscp=46, ecn=2, hop_limit=1)),
    "tcp, every flag": build.ethernet(four(build.tcp(1, 2, flags=0xFF))),
    "tcp, timestamps": build.ethernet(four(build.tcp(1, 2, b"p", options=WORDS))),
    "tcp, 40 bytes of options": build.ethernet(four(build.tcp(1, 2, options=bytes(40)))),
    "sctp": build.ethernet(four(build.sctp(2905, 2905, bytes(20)))),
    "icmp echo": build.ethernet(four(build.icmp(8, 0, bytes(60)))),
    "icmp answer": build.ethernet(four(build.icmp(0, 0, bytes(60)))),
    "icmp timestamp answer": build.ethernet(four(build.icmp(14, 0, bytes(16)))),
    "icmp unreachable": build.ethernet(four(build.icmp(3, 1, bytes(32)))),
    "icmpv6 echo": build.ethernet(six(build.icmp(128, 0, bytes(60), version=6))),
    "icmpv6 answer": build.ethernet(six(build.icmp(129, 0, bytes(60), version=6))),
    "icmpv6 in IPv4": build.ethernet(four(build.other(58, bytes(16)))),
    "icmp in IPv6": build.ethernet(six(build.other(1, bytes(16)))),
    "esp": build.ethernet(four(build.other(build.ESP, bytes(40)))),
    "gre": build.ethernet(four(build.gre(six()))),
    "no next header": build.ethernet(six(build.other(build.NO_NEXT, b""))),
    "IPv4 in IPv4": build.ethernet(four(build.other(build.IPIP, four().data))),
    "one tag": build.ethernet(four(), vlans=TAGGED[1:]),
    "two tags": build.ethernet(six(), vlans=TAGGED),
    "two tags, old ethertype": build.ethernet(four(), vlans=((0x9100, 5), (0x8100, 6))),
    "priority tag": build.ethernet(four(), vlans=((build.CTAG, 0xE000),)),
    "pppoe IPv4": build.ethernet(build.pppoe(four())),
    "pppoe IPv6 in two tags": build.ethernet(build.pppoe(six(TCP)), vlans=TAGGED),
    "padding is no payload": build.ethernet(four(build.udp(1, 2, b"")), pad_to=60),
    "IPv4, 4 bytes of options": build.ethernet(four(TCP, options=bytes(4))),
    "IPv4, 40 bytes of options": build.ethernet(four(TCP, options=bytes(40))),
    "one extension header": build.ethernet(six(TCP, extensions=EIGHT[:1])),
    "eight extension headers": build.ethernet(six(TCP, extensions=EIGHT)),
    "eight in two tags and pppoe": build.ethernet(
        build.pppoe(six(TCP, extensions=EIGHT)), vlans=TAGGED
    ),
    "atomic fragment": build.ethernet(six(TCP, extensions=[build.atomic_fragment()])),
    "first IPv4 fragment": build.ethernet(FOUR_PARTS[0]),
    "later IPv4 fragment": build.ethernet(FOUR_PARTS[1]),
    "first IPv6 fragment": build.ethernet(SIX_PARTS[0]),
    "later IPv6 fragment": build.ethernet(SIX_PARTS[1]),
    "payload of 3,000 bytes": build.ethernet(four(build.udp(9, 9, bytes(3000)))),
    "arp": build.ethernet(build.arp(V4, V4_B), pad_to=60),
    "lldp": build.ethernet(build.lldp()),
    "mpls": build.ethernet(build.mpls(four())),
    "802.3 length": build.ethernet(build.raw(38, b"\x42\x42\x03" + bytes(35))),
    "ethertype 0": build.ethernet(build.raw(0, four().data)),
    "three tags": build.ethernet(
        build.raw(build.CTAG, b"\x00\x07\x08\x00" + four().data), vlans=TAGGED
    ),
    "pppoe discovery": build.ethernet(build.raw(build.PPPOE_DISCOVERY, bytes(12))),
    "ppp control": build.ethernet(build.pppoe(b"\xc0\x21\x09\x01\x00\x04")),
    "nine extension headers": unparsed(
        build.ethernet(six(TCP, extensions=[*EIGHT, EIGHT[1]]))
    ),
    "IPv4 header of 16 bytes": unparsed(
        (short_header(build.ethernet(four())[0], 14, 0x44), Expected("flow"))
    ),
    "version 5": unparsed(
        (short_header(build.ethernet(four())[0], 14, 0x55), Expected("flow"))
    ),
    "IPv4 shorter than its header": unparsed(
        (short_header(build.ethernet(four())[0], 17, 19), Expected("flow"))
    ),
    "tcp header of 16 bytes": unparsed(
        (short_header(build.ethernet(four(TCP))[0], 46, 0x40), Expected("flow"))
    ),
    "tag without ethertype": unparsed(
        (build.MAC_A * 2 + b"\x81\x00\x00", Expected("flow"))
    ),
}


@pytest.mark.parametrize("program", HOOKS)
@pytest.mark.parametrize("case", TABLE)
def test_frame(loaded: Engine, program: str, case: str) -> None:
    frame, told = TABLE[case]
    assert len(frame) < XDP_LIMIT
    assert differences(loaded.see(program, frame, context_for(program, frame)), told) == []


@pytest.mark.parametrize("program", HOOKS)
def test_a_frame_cut_anywhere_is_counted_once(loaded: Engine, program: str) -> None:
    whole = [
        TABLE[name][0]
        for name in ("eight in two tags and pppoe", "tcp, timestamps", "IPv4 in IPv4")
    ]
    for frame in whole:
        for length in range(14, len(frame)):
            part = frame[:length]
            if not loaded.takes(program, part):
                continue
            seen = loaded.see(program, part, context_for(program, part))
            one = (1, 1, length)
            kinds = [seen.outcomes[k] for k in ("non_ip", "unparsed") if k in seen.outcomes]
            assert seen.outcomes["seen"] == one
            assert kinds == ([] if seen.flow else [one])
            if seen.flow is not None:
                assert int(seen.flow.forward["payload_bytes"]) <= length


@pytest.mark.parametrize("program", HOOKS)
def test_two_thousand_mixed_frames(loaded: Engine, program: str) -> None:
    wrong = []
    for number, (frame, told) in enumerate(mixed(20260101, 2000, flows=200)):
        if not loaded.takes(program, frame):
            assert told.outcome == "unparsed"
            continue
        seen = loaded.see(program, frame, context_for(program, frame))
        found = differences(seen, told)
        if found:
            wrong.append((number, told, found))
    assert wrong == []


@pytest.mark.parametrize("program", HOOKS)
def test_both_directions_meet_in_one_flow(loaded: Engine, program: str) -> None:
    loaded.clear()
    there = build.ethernet(four(build.tcp(40000, 443, bytes(10))))[0]
    back = build.ethernet(build.ipv4(V4_B, V4, build.tcp(443, 40000, bytes(20))))[0]
    for frame in (there, back, back):
        loaded.run(program, frame, context_for(program, frame))
    (flow,) = loaded.flows()
    assert flow.ends[0][1] == 40000
    assert flow.record["direction"]["payload_bytes"].tolist() == [10, 40]
    assert flow.record["volume"]["packets"][HOOKS[program]].tolist() == [1, 2]


@pytest.mark.parametrize("program", HOOKS)
def test_unidirectional_keeps_directions_apart(loaded: Engine, program: str) -> None:
    loaded.clear()
    loaded.watch(layout.INTERFACE_UNIDIRECTIONAL)
    there = build.ethernet(four(TCP))[0]
    back = build.ethernet(build.ipv4(V4_B, V4, build.tcp(443, 40000)))[0]
    for frame in (there, back):
        loaded.run(program, frame, context_for(program, frame))
    flows = loaded.flows()
    loaded.watch()
    assert {flow.ends[0][1] for flow in flows} == {40000, 443}
    assert all(flow.key["family"] & layout.KEY_UNIDIRECTIONAL for flow in flows)


@pytest.mark.parametrize("program", HOOKS)
@pytest.mark.parametrize(
    ("flag", "case", "kept"),
    [
        (layout.INTERFACE_NO_V4, "udp over IPv4", False),
        (layout.INTERFACE_NO_V4, "udp over IPv6", True),
        (layout.INTERFACE_NO_V6, "udp over IPv6", False),
        (layout.INTERFACE_NO_V6, "udp over IPv4", True),
        (layout.INTERFACE_NO_V6, "arp", True),
    ],
)
def test_switches(loaded: Engine, program: str, flag: int, case: str, kept: bool) -> None:
    frame, told = TABLE[case]
    loaded.watch(flag)
    seen = loaded.see(program, frame, context_for(program, frame))
    loaded.watch()
    if kept:
        assert differences(seen, told) == []
    else:
        one = (1, 1, len(frame))
        assert seen.flow is None
        assert seen.outcomes == {"seen": one, "filtered": one}


@pytest.mark.parametrize("program", HOOKS)
@pytest.mark.parametrize("packet", [four(TCP), six(TCP, extensions=EIGHT), four()])
def test_layer_3_devices(loaded: Engine, program: str, packet: build.Packet) -> None:
    told = replace(packet.expected, wire_bytes=len(packet.data))
    loaded.watch(layout.INTERFACE_LAYER3)
    seen = loaded.see(program, packet.data, context_for(program, packet.data))
    loaded.watch()
    assert differences(seen, told) == []


@pytest.mark.parametrize("program", HOOKS)
def test_a_stranger_is_not_counted(loaded: Engine, program: str) -> None:
    frame = TABLE["udp over IPv4"][0]
    loaded.kernel.clear_interface(1)
    seen = loaded.see(program, frame, context_for(program, frame))
    loaded.watch()
    assert (seen.outcomes, seen.flow) == ({}, None)


@pytest.mark.parametrize(
    ("size", "segments", "payload", "packets", "last"),
    [
        (1000, 3, 2500, 3, 500),
        (1000, 3, 3000, 3, 1000),
        (1400, 2, 1401, 2, 1),
        (1000, 0, 2500, 3, 500),  # a virtual machine's frame: a size without a count
        (0, 0, 2500, 1, 2500),
        (1400, 1, 1400, 1, 1400),
    ],
)
@pytest.mark.parametrize("build_packet", [four, six])
@pytest.mark.parametrize("program", ["weir_ingress", "weir_egress"])
def test_merged_frames_count_as_their_segments(
    loaded: Engine, program: str, build_packet, size, segments, payload, packets, last
) -> None:
    packet = build_packet(build.tcp(40000, 443, bytes(payload), options=WORDS))
    frame, told = build.ethernet(packet, vlans=TAGGED[1:])
    headers = len(frame) - payload
    wire = len(frame) + headers * (packets - 1)
    context = skb_context(segments, size, wire if packets > 1 else 0)
    seen = loaded.see(program, frame, context)
    told = replace(told, wire_bytes=wire)
    way = seen.flow.forward
    assert seen.outcomes == {"seen": (1, packets, wire)}
    assert int(way["payload_bytes"]) == payload
    assert int(way["header_bytes"]) == told.header_bytes * packets
    assert int(way["length_max"]) == headers + (size if packets > 1 else payload)
    assert int(way["length_min"]) == headers + last
    assert int(way["length_histogram"].sum()) == packets
    assert int(way["data_packets"]) == packets
    squares = (size or 0) ** 2 * (packets - 1) + last**2
    assert int(way["payload_square"]) == squares
    assert bool(seen.flow.record["state"] & layout.STATE_MERGED) == (packets > 1)


@pytest.mark.parametrize(
    ("size", "parts"),
    [(0xFFFF, [833, 833, 834]), (0xFFFF, [1000] * 3), (1500, [1000] * 3), (4, [2, 2, 3])],
)
@pytest.mark.parametrize("program", ["weir_ingress", "weir_egress"])
def test_sizes_that_are_none_count_as_equal_parts(loaded: Engine, program, size, parts):
    """SCTP's merged frames tell 65,535 for a size; a driver's may be rounded up."""
    frame = build.ethernet(six(build.sctp(7, 8, bytes(sum(parts)))))[0]
    headers = len(frame) - sum(parts)
    context = skb_context(len(parts), size, sum(parts) + headers * len(parts))
    way = loaded.see(program, frame, context).flow.forward
    assert int(way["payload_square"]) == sum(part**2 for part in parts)
    assert int(way["length_max"]) == headers + max(parts)
    assert int(way["length_min"]) == headers + min(parts)
