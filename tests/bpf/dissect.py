"""tshark's word on frames, as expectations: an independent dissection."""

from __future__ import annotations

import subprocess
from collections import deque
from dataclasses import replace
from pathlib import Path

from tests.support.frames import Expected, address
from tests.support.pcaps import read_pcap, tshark_fields, write_pcap

ETHERNET, RAW_IP = 1, 101
_CHAIN = {
    0: "ipv6.hopopts.nxt",
    43: "ipv6.routing.nxt",
    44: "ipv6.fraghdr.nxt",
    51: "ah.next_header",
    60: "ipv6.dstopts.nxt",
    135: "mip6.proto",
    139: "hip.proto",
}
_FIELDS = (
    "frame.protocols", "vlan.id", "ieee8021ad.id", "ip.src", "ip.dst", "ip.proto",
    "ip.dsfield", "ip.ttl", "ip.frag_offset", "ip.hdr_len", "ip.len", "ipv6.src",
    "ipv6.dst", "ipv6.nxt", "ipv6.tclass", "ipv6.hlim", "ipv6.plen", "ipv6.fraghdr.offset",
    "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.window_size_value", "tcp.hdr_len",
    "udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport", "icmp.type", "icmp.code",
    "icmpv6.type", "icmpv6.code", *_CHAIN.values(),
)  # fmt: skip
_LINK = {
    "eth": 14, "ethertype": 0, "vlan": 4, "ieee8021ad": 4, "pppoes": 6, "ppp": 2, "raw": 0,
}  # fmt: skip
"""Layers below IP and their bytes. Weir reads two tags in the frame; tshark reads on."""
_TAGS = {"vlan": "vlan.id", "ieee8021ad": "ieee8021ad.id"}
Row = dict[str, list[str]]


class Undecided(Exception):
    """tshark does not say enough: the frame is no evidence either way."""


def frames_of(
    captures: list[Path], linktype: int, scratch: Path
) -> list[tuple[str, bytes]]:
    """(capture and number, captured bytes) of every frame of that link type."""
    found = []
    for path in captures:
        converted = _converted(path, scratch)
        if converted is None or _linktype(converted) != linktype:
            continue
        for number, (_, frame, _) in enumerate(read_pcap(converted), 1):
            found.append((f"{path.parent.name}/{path.name}#{number}", frame))
    return found


def _converted(path: Path, scratch: Path) -> Path | None:
    """The capture as a pcap of this machine's byte order; None: tshark cannot read it."""
    out = scratch / f"{path.parent.name}-{path.name}.pcap"
    if out.exists():
        return out
    command = ["editcap", "-F", "nsecpcap", str(path), str(out)]
    subprocess.run(command, capture_output=True, check=False)
    # A truncated file's whole frames are written before editcap gives up.
    if not out.exists() or out.stat().st_size < 24:
        return None
    return out


def _linktype(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[20:24], "little") & 0xFFFF


def dissected(
    frames: list[bytes], linktype: int, scratch: Path
) -> list[Expected | Undecided]:
    """What tshark says of each frame, taken as whole."""
    path = write_pcap(
        scratch, ((i * 1000, f) for i, f in enumerate(frames)), linktype=linktype
    )
    rows = tshark_fields(path, *_FIELDS)
    assert len(rows) == len(frames)
    told: list[Expected | Undecided] = []
    for row, frame in zip(rows, frames, strict=True):
        try:
            told.append(_expected(row, len(frame)))
        except Undecided as reason:
            told.append(reason)
    return told


def _expected(row: Row, length: int) -> Expected:
    layers = row["frame.protocols"][0].split(":") if row["frame.protocols"] else []
    vlan = tags = offset = 0
    for layer in layers:
        offset += _LINK.get(layer, 0)
        if layer in _TAGS:
            tags += 1
            vlan = vlan or _number(row, _TAGS[layer])
        elif layer in ("ip", "ipv6") and tags <= 2:
            read = _version_4 if layer == "ip" else _version_6
            return read(row, length, vlan, length - offset)
        elif layer not in _LINK:
            break
    return Expected("non_ip", wire_bytes=length, vlan=vlan)


def _one(row: Row, name: str) -> str:
    if not row[name]:
        raise Undecided(f"no {name}")
    return row[name][0]


def _number(row: Row, name: str) -> int:
    return int(_one(row, name), 0)


def _version_4(row: Row, length: int, vlan: int, present: int) -> Expected:
    traffic_class = _number(row, "ip.dsfield")
    later = _number(row, "ip.frag_offset") != 0
    told = Expected(
        "flow", wire_bytes=length, vlan=vlan, family=4,
        source=address(_one(row, "ip.src")), destination=address(_one(row, "ip.dst")),
        protocol=_number(row, "ip.proto"), fragment="later" if later else "none",
        dscp=traffic_class >> 2, ttl=_number(row, "ip.ttl"),
    )  # fmt: skip
    header = _number(row, "ip.hdr_len")
    if header > present:  # tshark names the ends of a header whose options are cut off
        return Expected("unparsed", wire_bytes=length, vlan=vlan)
    rest = min(_number(row, "ip.len") or present, present) - header
    return told if later else _transport(row, told, rest)


def _version_6(row: Row, length: int, vlan: int, present: int) -> Expected:
    protocol = _number(row, "ipv6.nxt")
    queues = {name: deque(row[name]) for name in _CHAIN.values()}
    rest: int | None = min(_number(row, "ipv6.plen") or present, present - 40)
    later, walked = False, 0
    while protocol in _CHAIN and not later:
        following = _CHAIN[protocol]
        if not queues[following]:
            raise Undecided(f"no {following}")
        if protocol == 44:
            later = _number(row, "ipv6.fraghdr.offset") != 0
            rest = rest - 8 if rest is not None else None
        else:
            rest = None  # tshark's lengths differ in kind: the table has them
        protocol = int(queues[following].popleft(), 0)
        walked += 1
    if walked > 8:
        return Expected("unparsed", wire_bytes=length, vlan=vlan)
    traffic_class = _number(row, "ipv6.tclass")
    told = Expected(
        "flow", wire_bytes=length, vlan=vlan, family=6,
        source=address(_one(row, "ipv6.src")), destination=address(_one(row, "ipv6.dst")),
        protocol=protocol, fragment="later" if later else "none", dscp=traffic_class >> 2,
        ttl=_number(row, "ipv6.hlim"),
    )  # fmt: skip
    return told if later else _transport(row, told, rest)


def _transport(row: Row, told: Expected, rest: int | None) -> Expected:
    match told.protocol:
        case 6:
            header = _number(row, "tcp.hdr_len")
            told = replace(
                told, source_port=_number(row, "tcp.srcport"),
                destination_port=_number(row, "tcp.dstport"),
                tcp_flags=_number(row, "tcp.flags") & 0xFF,
                window=_number(row, "tcp.window_size_value"),
            )  # fmt: skip
        case 17:
            header = 8
            told = replace(
                told, source_port=_number(row, "udp.srcport"),
                destination_port=_number(row, "udp.dstport"),
            )  # fmt: skip
        case 132:
            header = 12
            told = replace(
                told, source_port=_number(row, "sctp.srcport"),
                destination_port=_number(row, "sctp.dstport"),
            )  # fmt: skip
        case 1 if told.family == 4:
            header = 8
            told = replace(
                told, icmp=(_number(row, "icmp.type"), _number(row, "icmp.code"))
            )
        case 58 if told.family == 6:
            header = 8
            kinds = _number(row, "icmpv6.type"), _number(row, "icmpv6.code")
            told = replace(told, icmp=kinds)
        case _:
            return told
    if rest is None:
        return told
    header = min(header, rest)
    return replace(told, header_bytes=header, payload_bytes=rest - header)
