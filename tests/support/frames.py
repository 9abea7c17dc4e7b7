"""Frames built byte by byte, and what a correct parser must say about each.

The expectation is put together by the builders from their own arguments; nothing is parsed.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal["flow", "non_ip", "unparsed"]
Fragment = Literal["none", "first", "later"]

IPV4, IPV6, ARP, LLDP, MPLS = 0x0800, 0x86DD, 0x0806, 0x88CC, 0x8847
CTAG, STAG, PPPOE_DISCOVERY, PPPOE_SESSION = 0x8100, 0x88A8, 0x8863, 0x8864
HOP_BY_HOP, ICMP, TCP, UDP, ROUTING, FRAGMENT, GRE, ESP, AH = (
    0,
    1,
    6,
    17,
    43,
    44,
    47,
    50,
    51,
)
ICMPV6, NO_NEXT, DEST_OPTIONS, SCTP, IPIP = 58, 59, 60, 132, 4
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

MAC_A = bytes.fromhex("020000000a01")
MAC_B = bytes.fromhex("020000000b02")


@dataclass(frozen=True)
class Expected:
    """What one frame is. Addresses are 4 or 16 bytes, network order; None: not defined."""

    outcome: Outcome
    wire_bytes: int = 0
    vlan: int = 0  # of the outermost tag, 0: none
    family: int = 0
    source: bytes = b""
    destination: bytes = b""
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    fragment: Fragment = "none"
    dscp: int = 0
    ecn: int = 0
    ttl: int = 0
    tcp_flags: int | None = None
    window: int | None = None
    icmp: tuple[int, int] | None = None
    header_bytes: int | None = (
        None  # of layer 4; None in later fragments and unknown protocols
    )
    payload_bytes: int | None = None  # behind the layer 4 header, padding excluded

    def end(self, source: bool) -> tuple[bytes, int]:
        """Return (IPv4-mapped address, port) of one end."""
        address = self.source if source else self.destination
        port = self.source_port if source else self.destination_port
        return (bytes(10) + b"\xff\xff" + address if len(address) == 4 else address), port


@dataclass(frozen=True)
class Segment:
    """A layer 4 unit on its way into an IP packet: `data` with its checksum still zero."""

    protocol: int
    data: bytes
    checksum_at: int | None
    pseudo: bool
    expected: Expected


@dataclass(frozen=True)
class Packet:
    """A layer 3 unit on its way into a frame."""

    ethertype: int
    data: bytes
    expected: Expected


Built = tuple[bytes, Expected]


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total = int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big")
    folded = total % 0xFFFF
    return 0 if folded == 0 and total else 0xFFFF - folded


# Layer 4.


def tcp(
    source_port: int,
    destination_port: int,
    payload: bytes = b"",
    *,
    flags: int = ACK,
    sequence: int = 1,
    acknowledgement: int = 1,
    window: int = 64240,
    options: bytes = b"",
) -> Segment:
    options += b"\x01" * (-len(options) % 4)
    header = 20 + len(options)
    data = struct.pack(
        "!HHIIBBHHH",
        source_port, destination_port, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF,
        header // 4 << 4, flags, window, 0, 0,
    )  # fmt: skip
    told = Expected(
        "flow", source_port=source_port, destination_port=destination_port, tcp_flags=flags,
        window=window, header_bytes=header, payload_bytes=len(payload),
    )  # fmt: skip
    return Segment(TCP, data + options + payload, 16, True, told)


def tcp_timestamps(value: int, echo: int) -> bytes:
    """Return the timestamp option with its usual two no-operations."""
    return b"\x01\x01\x08\x0a" + struct.pack("!II", value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def udp(source_port: int, destination_port: int, payload: bytes = b"") -> Segment:
    data = (
        struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    )
    told = Expected(
        "flow", source_port=source_port, destination_port=destination_port, header_bytes=8,
        payload_bytes=len(payload),
    )  # fmt: skip
    return Segment(UDP, data, 6, True, told)


def sctp(source_port: int, destination_port: int, chunks: bytes = b"") -> Segment:
    """Build SCTP; the CRC32c is right."""
    data = struct.pack("!HHII", source_port, destination_port, 0x51C7, 0) + chunks
    data = data[:8] + struct.pack("<I", crc32c(data)) + data[12:]
    told = Expected(
        "flow", source_port=source_port, destination_port=destination_port, header_bytes=12,
        payload_bytes=len(chunks),
    )  # fmt: skip
    return Segment(SCTP, data, None, False, told)


def icmp(kind: int, code: int = 0, body: bytes = bytes(4), *, version: int = 4) -> Segment:
    """Build ICMP or ICMPv6: body starts with the four bytes behind the checksum."""
    body = body.ljust(4, b"\0")
    told = Expected("flow", icmp=(kind, code), header_bytes=8, payload_bytes=len(body) - 4)
    data = struct.pack("!BBH", kind, code, 0) + body
    return Segment(ICMP if version == 4 else ICMPV6, data, 2, version == 6, told)


def other(protocol: int, data: bytes) -> Segment:
    """Build a protocol without ports: ESP, OSPF, GRE (see gre), 59."""
    return Segment(protocol, data, None, False, Expected("flow"))


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
    body = _sealed(segment, source_raw, destination_raw)
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
    body = _sealed(segment, whole.expected.source, whole.expected.destination)
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
    body = _sealed(segment, source_raw, destination_raw)
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
    body = _sealed(segment, whole.expected.source, whole.expected.destination)
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
    pseudo = _pseudo(address(source), address(destination), TCP, len(segment.data))
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


def _pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IHBB", length, 0, 0, protocol)


def _sealed(segment: Segment, source: bytes, destination: bytes) -> bytes:
    at = segment.checksum_at
    if at is None:
        return segment.data
    pseudo = (
        _pseudo(source, destination, segment.protocol, len(segment.data))
        if segment.pseudo
        else b""
    )
    value = checksum(pseudo + segment.data)
    if segment.protocol == UDP and value == 0:
        value = 0xFFFF
    return segment.data[:at] + struct.pack("!H", value) + segment.data[at + 2 :]


def crc32c(data: bytes) -> int:
    """Return the Castagnoli CRC of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc32c_row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_CRC32C = [_crc32c_row(value) for value in range(256)]
