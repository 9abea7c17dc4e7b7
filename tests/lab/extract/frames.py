"""Frames and capture files made by hand, and read back without the engine."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
START_NS = 1_700_000_000_000_000_000
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


@dataclass(frozen=True)
class Frame:
    """One packet of a capture; wire is its length before any snapping."""

    time_ns: int
    data: bytes
    link: int = 1
    wire: int = 0

    @property
    def length(self) -> int:
        return self.wire or len(self.data)


def tcp(
    sport: int,
    dport: int,
    flags: int,
    payload: bytes = b"",
    seq: int = 1,
    ack: int = 0,
    window: int = 1000,
    options: bytes = b"",
) -> bytes:
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, offset, flags, window, 0, 0)
    return head + options + payload


def timestamps(value: int, echo: int) -> bytes:
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


def udp(sport: int, dport: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def icmp(kind: int, code: int, payload: bytes = b"\0" * 4) -> bytes:
    return struct.pack(">BBH", kind, code, 0) + payload


def ip(
    source: str,
    destination: str,
    protocol: int,
    body: bytes,
    ident: int = 0,
    fragment: int = 0,
    ttl: int = 64,
    tos: int = 0,
    total: int | None = None,
) -> bytes:
    here, there = ip_address(source), ip_address(destination)
    if here.version == 6:
        word = 6 << 28 | tos << 20
        size = len(body) if total is None else total
        return (
            struct.pack(">IHBB", word, size, protocol, ttl)
            + here.packed
            + there.packed
            + body
        )
    size = 20 + len(body) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x45, tos, size, ident, fragment, ttl, protocol, 0)
    return head + here.packed + there.packed + body


def ethernet(packet: bytes, tags: Iterable[int] = (), pad: bool = True) -> bytes:
    kind = 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800
    types = b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    frame = b"\x02" + b"\0" * 10 + b"\x01" + types + struct.pack(">H", kind) + packet
    return frame.ljust(60, b"\0") if pad else frame


def pcap(
    frames: Iterable[Frame],
    nanoseconds: bool = False,
    order: str = "<",
    modified: bool = False,
    snap: int = 262_144,
) -> bytes:
    given = list(frames)
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    link = given[0].link if given else 1
    out = bytearray(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link))
    for frame in given:
        data = frame.data[:snap]
        seconds, rest = divmod(frame.time_ns, 1_000_000_000)
        rest = rest if nanoseconds else rest // 1000
        out += struct.pack(order + "IIII", seconds, rest, len(data), frame.length)
        out += (b"\0" * 8 if modified else b"") + data
    return bytes(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(
    frames: Iterable[Frame], order: str = "<", resolution: int = 9, offset_s: int = 0
) -> bytes:
    """One interface for each link type; if_tsresol is a power of ten."""
    given = list(frames)
    links = list(dict.fromkeys(frame.link for frame in given)) or [1]
    head = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    out = [block(order, 0x0A0D0D0A, head), block(order, 0x0BAD, b"a block nobody knows")]
    for link in links:
        options = struct.pack(order + "HHB3xHHqHH", 9, 1, resolution, 14, 8, offset_s, 0, 0)
        out.append(block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options))
    for frame in given:
        ticks = (frame.time_ns - offset_s * 10**9) // 10 ** (9 - resolution)
        body = struct.pack(
            order + "IIIII",
            links.index(frame.link),
            ticks >> 32,
            ticks & 0xFFFFFFFF,
            len(frame.data),
            frame.length,
        )
        out.append(block(order, 6, body + frame.data))
    return b"".join(out)


def read_pcap(data: bytes) -> Iterator[Frame]:
    """Frames of a pcap or pcapng file, as far as it is whole."""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _read_blocks(data)
        return
    order = (
        "<"
        if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x34\xcd\xb2\xa1")
        else ">"
    )
    if len(data) < 24:
        return
    magic, _, _, _, _, _, link = struct.unpack_from(order + "IHHiIII", data)
    scale = 1 if magic == 0xA1B23C4D else 1000
    extra = 24 if magic == 0xA1B2CD34 else 16
    at = 24
    while at + extra <= len(data):
        seconds, rest, size, wire = struct.unpack_from(order + "IIII", data, at)
        if at + extra + size > len(data):
            return
        body = data[at + extra : at + extra + size]
        yield Frame(seconds * 10**9 + rest * scale, body, link & 0xFFFF, wire)
        at += extra + size


def _read_blocks(data: bytes) -> Iterator[Frame]:
    order, at = "<", 0
    interfaces: list[tuple[int, int, int]] = []
    while at + 12 <= len(data):
        (kind,) = struct.unpack_from(order + "I", data, at)
        if kind == 0x0A0D0D0A:
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        (size,) = struct.unpack_from(order + "I", data, at + 4)
        if size < 12 or at + size > len(data):
            return
        body = data[at + 8 : at + size - 4]
        if kind == 1:
            interfaces.append(_interface(order, body))
        elif kind == 6:
            number, high, low, captured, wire = struct.unpack_from(order + "IIIII", body)
            link, unit, offset = interfaces[number]
            ticks = high << 32 | low
            time_ns = (
                (ticks * 10**9 >> (unit & 127)) if unit & 128 else ticks * 10**9 // 10**unit
            )
            yield Frame(time_ns + offset * 10**9, body[20 : 20 + captured], link, wire)
        at += size + (-size % 4)


def _interface(order: str, body: bytes) -> tuple[int, int, int]:
    (link,) = struct.unpack_from(order + "H", body)
    unit, offset, at = 6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            break
        if code == 9:
            unit = body[at + 4]
        if code == 14:
            (offset,) = struct.unpack_from(order + "q", body, at + 4)
        at += 4 + length + (-length % 4)
    return link, unit, offset


def talk(
    *steps: tuple[float, str, int, bytes],
    sport: int = 1111,
    dport: int = 80,
    start_ns: int = START_NS,
) -> list[Frame]:
    """A TCP conversation of (seconds, ">" or "<", flags, payload)."""
    ports = {">": (CLIENT, SERVER, sport, dport), "<": (SERVER, CLIENT, dport, sport)}
    sequence = {">": 1000, "<": 9000}
    out: list[Frame] = []
    for seconds, way, flags, payload in steps:
        source, destination, here, there = ports[way]
        other = "<" if way == ">" else ">"
        segment = tcp(here, there, flags, payload, sequence[way], sequence[other])
        sequence[way] += len(payload) + bool(flags & (SYN | FIN))
        frame = ethernet(ip(source, destination, 6, segment, ident=len(out) + 1))
        out.append(Frame(start_ns + round(seconds * 1e9), frame))
    return out


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
