"""Layer 4, byte by byte, and what a correct parser must say about a frame."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["flow", "non_ip", "unparsed"]
Fragment = Literal["none", "first", "later"]

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


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total = int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big")
    folded = total % 0xFFFF
    return 0 if folded == 0 and total else 0xFFFF - folded


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


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IHBB", length, 0, 0, protocol)


def sealed(segment: Segment, source: bytes, destination: bytes) -> bytes:
    at = segment.checksum_at
    if at is None:
        return segment.data
    pseudo = (
        pseudo_header(source, destination, segment.protocol, len(segment.data))
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
