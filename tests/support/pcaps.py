"""Capture files: written, read back, and dissected by tshark, whose word is independent."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

Stamped = tuple[int, bytes]
"""Nanoseconds since the epoch, frame."""


def write_pcap(
    path: Path, packets: Iterable[Stamped], *, linktype: int = 1, swapped: bool = False
) -> Path:
    """Write a pcap with nanosecond stamps (swapped: in the other byte order)."""
    order = ">" if swapped else "<"
    with path.open("wb") as file:
        file.write(struct.pack(f"{order}IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
        for at_ns, frame in packets:
            size = len(frame)
            file.write(
                struct.pack(f"{order}IIII", *divmod(at_ns, 10**9), size, size) + frame
            )
    return path


def write_pcapng(path: Path, packets: Iterable[Stamped], *, linktype: int = 1) -> Path:
    """Write a pcapng with one interface whose stamps are nanoseconds."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = (
        struct.pack("<HHI", linktype, 0, 0) + b"\x09\x00\x01\x00\x09\0\0\0" + bytes(4)
    )
    with path.open("wb") as file:
        file.write(_block(0x0A0D0D0A, section) + _block(1, interface))
        for at_ns, frame in packets:
            head = struct.pack(
                "<IIIII", 0, at_ns >> 32, at_ns & 0xFFFFFFFF, len(frame), len(frame)
            )
            file.write(_block(6, head + frame + bytes(-len(frame) % 4)))
    return path


def read_pcap(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Yield (ns, captured bytes, length on the wire) of a pcap that this machine wrote."""
    data = path.read_bytes()
    (magic,) = struct.unpack_from("<I", data)
    scale = {0xA1B23C4D: 1, 0xA1B2C3D4: 1000}[magic]
    at = 24
    while at < len(data):
        seconds, fraction, kept, length = struct.unpack_from("<IIII", data, at)
        yield seconds * 10**9 + fraction * scale, data[at + 16 : at + 16 + kept], length
        at += 16 + kept


def tshark_fields(
    path: Path, *fields: str, display_filter: str = ""
) -> list[dict[str, list[str]]]:
    """Return one map a packet: field -> all its occurrences, outermost first."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "occurrence=a",
    ]
    command += ["-o", "ip.defragment:false", "-o", "ipv6.defragment:false"]
    command += ["-o", "tcp.desegment_tcp_streams:false", "-E", "aggregator=|"]
    for field in fields:
        command += ["-e", field]
    if display_filter:
        command += ["-Y", display_filter]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return [
        {
            field: value.split("|") if value else []
            for field, value in zip(fields, row, strict=True)
        }
        for row in rows
    ]


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)
