"""Frames built byte by byte, and what a correct parser must say about each.

The expectation is put together by the builders from their own arguments; nothing is parsed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.segments import (
    ACK as ACK,
    AH as AH,
    CWR as CWR,
    DEST_OPTIONS as DEST_OPTIONS,
    ECE as ECE,
    ESP as ESP,
    FIN as FIN,
    FRAGMENT as FRAGMENT,
    GRE as GRE,
    HOP_BY_HOP as HOP_BY_HOP,
    ICMP as ICMP,
    ICMPV6 as ICMPV6,
    IPIP as IPIP,
    NO_NEXT as NO_NEXT,
    PSH as PSH,
    ROUTING as ROUTING,
    RST as RST,
    SCTP as SCTP,
    SYN as SYN,
    TCP as TCP,
    UDP as UDP,
    URG as URG,
    Expected as Expected,
    Fragment as Fragment,
    Outcome as Outcome,
    Segment as Segment,
    address as address,
    checksum as checksum,
    crc32c as crc32c,
    icmp as icmp,
    other as other,
    pseudo_header as pseudo_header,
    sctp as sctp,
    sealed as sealed,
    tcp as tcp,
    tcp_timestamps as tcp_timestamps,
    udp as udp,
)

IPV4, IPV6, ARP, LLDP, MPLS = 0x0800, 0x86DD, 0x0806, 0x88CC, 0x8847
CTAG, STAG, PPPOE_DISCOVERY, PPPOE_SESSION = 0x8100, 0x88A8, 0x8863, 0x8864
MAC_A = bytes.fromhex("020000000a01")
MAC_B = bytes.fromhex("020000000b02")


@dataclass(frozen=True)
class Packet:
    """A layer 3 unit on its way into a frame."""

    ethertype: int
    data: bytes
    expected: Expected


Built = tuple[bytes, Expected]


def gre(packet: Packet) -> Segment:
    return other(GRE, struct.pack("!HH", 0, packet.ethertype) + packet.data)


# Layer 3.


def ipv4(
    source: str,
    destination: str,
    segment: Segment,
    *,
    options: bytes = b"",
    ttl: int = 64,
    dscp: int = 0,
    ecn: int = 0,
    identification: int = 0,
    dont_fragment: bool = False,
) -> Packet:
    source_raw, destination_raw = address(source), address(destination)
    body = sealed(segment, source_raw, destination_raw)
    told = replace(
        segment.expected, family=4, source=source_raw, destination=destination_raw,
        protocol=segment.protocol, ttl=ttl, dscp=dscp, ecn=ecn,
    )  # fmt: skip
    header = _ipv4_header(
        told, len(body), options, identification, 0x4000 if dont_fragment else 0
    )
    return Packet(IPV4, header + body, told)


def ipv4_fragments(
    source: str, destination: str, segment: Segment, *, size: int, identification: int = 7,
    options: bytes = b"",
) -> list[Packet]:  # fmt: skip
    """Cut one segment into fragments of `size` bytes (a multiple of 8; one header fits)."""
    whole = ipv4(source, destination, segment)
    body = sealed(segment, whole.expected.source, whole.expected.destination)
    packets = []
    for at in range(0, len(body), size):
        part = body[at : at + size]
        more = 0x2000 if at + size < len(body) else 0
        told = _fragment_expected(whole.expected, at, len(part), len(body))
        header = _ipv4_header(told, len(part), options, identification, more | at // 8)
        packets.append(Packet(IPV4, header + part, told))
    return packets


def ipv6(
    source: str,
    destination: str,
    segment: Segment,
    *,
    extensions: Sequence[tuple[int, bytes]] = (),
    hop_limit: int = 64,
    dscp: int = 0,
    ecn: int = 0,
    flow_label: int = 0,
) -> Packet:
    """Build IPv6; extensions are (number, bytes): extension(), ah(), atomic_fragment()."""
    source_raw, destination_raw = address(source), address(destination)
    body = sealed(segment, source_raw, destination_raw)
    told = replace(
        segment.expected, family=6, source=source_raw, destination=destination_raw,
        protocol=segment.protocol, ttl=hop_limit, dscp=dscp, ecn=ecn,
    )  # fmt: skip
    first, chain = _chained(extensions, segment.protocol)
    return Packet(
        IPV6,
        _ipv6_header(told, first, len(chain) + len(body), flow_label) + chain + body,
        told,
    )


def ipv6_fragments(
    source: str, destination: str, segment: Segment, *, size: int, identification: int = 7,
    extensions: Sequence[tuple[int, bytes]] = (),
) -> list[Packet]:  # fmt: skip
    """Cut one segment into IPv6 fragments; extensions come before the fragment header."""
    whole = ipv6(source, destination, segment)
    body = sealed(segment, whole.expected.source, whole.expected.destination)
    packets = []
    for at in range(0, len(body), size):
        part = body[at : at + size]
        more = int(at + size < len(body))
        told = _fragment_expected(whole.expected, at, len(part), len(body))
        chain = [*extensions, (FRAGMENT, struct.pack("!BHI", 0, at | more, identification))]
        first, raw = _chained(chain, segment.protocol)
        header = _ipv6_header(told, first, len(raw) + len(part), 0)
        packets.append(Packet(IPV6, header + raw + part, told))
    return packets


def extension(data: bytes = bytes(6)) -> bytes:
    """Return a hop-by-hop, routing or destination header, less its first byte."""
    data += bytes(-(len(data) + 2) % 8)
    return bytes([(len(data) + 2) // 8 - 1]) + data


def atomic_fragment(identification: int = 9) -> tuple[int, bytes]:
    """Return the fragment header of a packet that is whole (RFC 6946)."""
    return FRAGMENT, struct.pack("!BHI", 0, 0, identification)


def ah(integrity: bytes = bytes(12)) -> tuple[int, bytes]:
    """Return an authentication header, less its first byte."""
    raw = struct.pack("!BHII", (12 + len(integrity)) // 4 - 2, 0, 0x1234, 1) + integrity
    return AH, raw


def arp(sender: str, target: str, *, mac: bytes = MAC_A, reply: bool = False) -> Packet:
    head = struct.pack("!HHBBH", 1, IPV4, 6, 4, 2 if reply else 1)
    data = head + mac + address(sender) + bytes(6) + address(target)
    return Packet(ARP, data, Expected("non_ip"))


def lldp() -> Packet:
    data = b"\x02\x07\x04" + MAC_A + b"\x04\x05\x03eth0" + b"\x06\x02\x00\x78" + b"\x00\x00"
    return Packet(LLDP, data, Expected("non_ip"))


def mpls(inner: Packet, label: int = 16) -> Packet:
    return Packet(
        MPLS, struct.pack("!I", label << 12 | 0x1FF) + inner.data, Expected("non_ip")
    )


def raw(ethertype: int, data: bytes, outcome: Outcome = "non_ip") -> Packet:
    """Build anything: an unknown ethertype, an 802.3 length (STP), a broken header."""
    return Packet(ethertype, data, Expected(outcome))


def pppoe(inner: Packet | bytes, session: int = 0x11) -> Packet:
    """Put IP (or, as bytes, a PPP control protocol and its number) into a session."""
    if isinstance(inner, bytes):
        told, data = Expected("non_ip"), inner
    else:
        told = inner.expected
        data = (b"\x00\x21" if inner.ethertype == IPV4 else b"\x00\x57") + inner.data
    return Packet(
        PPPOE_SESSION, struct.pack("!BBHH", 0x11, 0, session, len(data)) + data, told
    )


# Layer 2.


def ethernet(
    packet: Packet,
    *,
    source: bytes = MAC_A,
    destination: bytes = MAC_B,
    vlans: Sequence[tuple[int, int]] = (),
    pad_to: int = 0,
) -> Built:
    """Return (frame, expectation); vlans: (tag protocol, tag control), outermost first."""
    tags = b"".join(struct.pack("!HH", protocol, control) for protocol, control in vlans)
    frame = destination + source + tags + struct.pack("!H", packet.ethertype) + packet.data
    frame = frame.ljust(pad_to, b"\0")
    vlan = vlans[0][1] & 0xFFF if vlans else 0
    return frame, replace(packet.expected, wire_bytes=len(frame), vlan=vlan)


def cut(built: Built, length: int) -> Built:
    """Cut a frame inside its network header: no parser may make a flow of it."""
    frame, told = built
    assert length < len(frame)
    return frame[:length], Expected("unparsed", wire_bytes=length, vlan=told.vlan)


def super_tcp(
    source: str,
    destination: str,
    ports: tuple[int, int],
    payload: bytes,
    *,
    sequence: int = 1,
) -> bytes:
    """Build a frame for Sender.send_super: its checksum is the pseudo header's alone."""
    segment = tcp(*ports, payload, sequence=sequence, flags=ACK | PSH)
    build = ipv6 if ":" in source else ipv4
    frame = ethernet(build(source, destination, segment))[0]
    at = 54 if ":" in source else 34
    pseudo = pseudo_header(address(source), address(destination), TCP, len(segment.data))
    return (
        frame[: at + 16] + struct.pack("!H", 0xFFFF - checksum(pseudo)) + frame[at + 18 :]
    )


def _ipv4_header(
    told: Expected, body: int, options: bytes, identity: int, offset: int
) -> bytes:
    options += bytes(-len(options) % 4)
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH",
        0x40 | length // 4, told.dscp << 2 | told.ecn, length + body, identity, offset,
        told.ttl, told.protocol, 0,
    )  # fmt: skip
    head += told.source + told.destination + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def _ipv6_header(told: Expected, first: int, body: int, flow_label: int) -> bytes:
    word = 6 << 28 | (told.dscp << 2 | told.ecn) << 20 | flow_label
    return (
        struct.pack("!IHBB", word, body, first, told.ttl) + told.source + told.destination
    )


def _chained(extensions: Sequence[tuple[int, bytes]], last: int) -> tuple[int, bytes]:
    following = [number for number, _ in extensions[1:]] + [last]
    parts = [
        bytes([after]) + data
        for (_, data), after in zip(extensions, following, strict=False)
    ]
    return (extensions[0][0] if extensions else last), b"".join(parts)


def _fragment_expected(whole: Expected, at: int, part: int, body: int) -> Expected:
    if at == 0 and part == body:
        return whole
    if at == 0:
        header = whole.header_bytes
        payload = None if header is None else part - header
        return replace(whole, fragment="first", payload_bytes=payload)
    return replace(
        whole, fragment="later", source_port=0, destination_port=0, tcp_flags=None,
        window=None, icmp=None, header_bytes=None, payload_bytes=None,
    )  # fmt: skip
