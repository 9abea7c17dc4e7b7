"""Frames of the far end, counted by what their headers say."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import Counter

_SOL_PACKET, _AUXDATA = 263, 8
_TAG_VALID = 1 << 4
_PROTOCOLS = {6: "tcp", 17: "udp"}


def is_sound(header: bytes) -> bool:
    """Whether an IPv4 header's sum is right."""
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def words(frame: bytes, vlan: int) -> str:
    """`FAMILY [vlan ID] PROTOCOL PORT TOS sound|unsound [of many]`; empty: not IP."""
    tag = f" vlan {vlan}" if vlan else ""
    many = " of many" if len(frame) > 1514 else ""
    if frame[12:14] == b"\x08\x00":
        size = (frame[14] & 15) * 4
        told = (
            f"{frame[15]:02x} {'sound' if is_sound(frame[14 : 14 + size]) else 'unsound'}"
        )
        family, protocol, transport = "4", frame[23], frame[14 + size :]
    elif frame[12:14] == b"\x86\xdd":
        told = f"{(frame[14] << 4 | frame[15] >> 4) & 0xFF:02x} sound"
        family, protocol, transport = "6", frame[20], frame[54:]
    else:
        return ""
    if protocol not in _PROTOCOLS:
        return ""
    port = int.from_bytes(transport[2:4], "big")
    return f"{family}{tag} {_PROTOCOLS[protocol]} {port} {told}{many}"


def sniff(device: str, seconds: float) -> None:
    """Print how often each kind of frame arrived at a device."""
    found: Counter[str] = Counter()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        tap.bind((device, 3))
        tap.settimeout(0.2)
        print("ready", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                frame, ancillary, _, (_, _, kind, *_) = tap.recvmsg(1 << 17, 256)
            except TimeoutError:
                continue
            status, _, _, _, _, tag, _ = struct.unpack("=IIIHHHH", ancillary[0][2])
            if kind != socket.PACKET_OUTGOING:
                found[words(frame, tag & 0xFFF if status & _TAG_VALID else 0)] += 1
    del found[""]
    print(json.dumps(found), flush=True)
