"""Short conversations that mistakes of flow meters show on."""

from __future__ import annotations

from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    SERVER,
    START_NS,
    SYN,
    Frame,
    ethernet,
    ip,
    udp,
)  # fmt: skip

OPEN = ((0, ">", SYN, b""), (0.01, "<", SYN | ACK, b""), (0.02, ">", ACK, b""))


CLOSE = ((1, ">", FIN | ACK, b""), (1.01, "<", FIN | ACK, b""), (1.02, ">", ACK, b""))


DATA = tuple((0.1 + at / 100, ">", PSH | ACK, b"x" * 100) for at in range(5))


def at(seconds: float, packet: bytes) -> Frame:
    return Frame(START_NS + round(seconds * 1e9), ethernet(packet))


def datagram(seconds: float, size: int = 10, sport: int = 1111, way: str = ">") -> Frame:
    ends = (CLIENT, SERVER) if way == ">" else (SERVER, CLIENT)
    ports = (sport, 53) if way == ">" else (53, sport)
    return at(seconds, ip(*ends, 17, udp(*ports, bytes(size))))
