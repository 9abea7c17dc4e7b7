"""A seeded mix of frames of every kind, each with what a correct parser must say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support import frames as build
from tests.support.frames import Built, Packet, Segment

_EXTENSIONS = (build.HOP_BY_HOP, build.DEST_OPTIONS, build.ROUTING)


@dataclass(frozen=True)
class _Talk:
    """Two ends that keep talking, so that flows have more than one packet."""

    family: int
    client: str
    server: str
    protocol: str
    client_port: int
    server_port: int
    vlans: tuple[tuple[int, int], ...]
    session: int


def mixed(
    seed: int, count: int, *, flows: int = 1000, broken: bool = True
) -> Iterator[Built]:
    """Yield (frame, expectation): v4, v6, tags, fragments, extensions, ARP, rubbish.

    The same seed gives the same frames. flows bounds the number of conversations; each
    keeps its own VLAN. broken=False leaves out frames that are cut or malformed in their
    network header.
    """
    chance = random.Random(seed)
    talks = [_talk(chance) for _ in range(flows)]
    kinds = [_flow] * 17 + [_not_ip] * 2 + [_fragmented]
    made = 0
    while made < count:
        kind: Callable[[random.Random, list[_Talk]], list[Built]] = chance.choice(kinds)
        if broken and chance.random() < 0.02:
            kind = _broken
        for built in kind(chance, talks)[: count - made]:
            made += 1
            yield built


def _talk(chance: random.Random) -> _Talk:
    family = chance.choice((4, 4, 6))
    tags: tuple[tuple[int, int], ...] = ()
    roll = chance.random()
    if roll < 0.15:
        tags = ((build.CTAG, chance.randrange(1, 4095)),)
    elif roll < 0.25:
        tags = (
            (build.STAG, chance.randrange(1, 4095)),
            (build.CTAG, chance.randrange(1, 4095)),
        )
    return _Talk(
        family,
        _host(chance, family),
        _host(chance, family),
        chance.choice(
            ("tcp",) * 6 + ("udp",) * 5 + ("icmp", "sctp", "esp", "gre", "other")
        ),
        chance.randrange(1024, 65536),
        chance.choice((53, 80, 443, 5004, 22, 8080, chance.randrange(1, 65536))),
        tags,
        chance.randrange(1, 65536) if chance.random() < 0.05 else 0,
    )


def _host(chance: random.Random, family: int) -> str:
    if family == 4:
        return (
            f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        )
    return f"fd00:{chance.randrange(65536):x}::{chance.randrange(1, 65536):x}"


def _segment(chance: random.Random, talk: _Talk, forward: bool, payload: bytes) -> Segment:
    ports = (talk.client_port, talk.server_port)
    ports = ports if forward else ports[::-1]
    match talk.protocol:
        case "tcp":
            flags = chance.choice(
                (build.SYN, build.ACK, build.ACK | build.PSH, build.ACK, 0xFF)
            )
            options = build.tcp_timestamps(chance.getrandbits(32), chance.getrandbits(32))
            return build.tcp(
                *ports, payload, flags=flags, sequence=chance.getrandbits(32),
                window=chance.randrange(65536),
                options=chance.choice((b"", options, bytes(40))),
            )  # fmt: skip
        case "udp":
            return build.udp(*ports, payload)
        case "sctp":
            return build.sctp(*ports, payload[:64])
        case "icmp":
            echo = (8, 0) if talk.family == 4 else (128, 129)
            return build.icmp(echo[not forward], 0, bytes(4) + payload, version=talk.family)
        case "gre":
            inner = build.ipv4("192.0.2.1", "192.0.2.2", build.udp(1, 2, payload[:600]))
            return build.gre(inner)
    number = build.ESP if talk.protocol == "esp" else 89
    return build.other(number, payload.ljust(16, b"\0"))


def _packet(chance: random.Random, talk: _Talk, payload: bytes) -> Packet:
    forward = chance.random() < 0.6
    ends = (talk.client, talk.server) if forward else (talk.server, talk.client)
    segment = _segment(chance, talk, forward, payload)
    dscp, ecn, ttl = chance.randrange(64), chance.randrange(4), chance.randrange(1, 256)
    if talk.family == 4:
        options = bytes(chance.choice((0, 0, 0, 4, 12, 40)))
        return build.ipv4(*ends, segment, options=options, dscp=dscp, ecn=ecn, ttl=ttl)
    chain = [
        (number, build.extension(bytes(chance.randrange(24))))
        for number in _EXTENSIONS
        if chance.random() < 0.12
    ]
    if chance.random() < 0.05:
        chain.append(build.atomic_fragment())
    if chance.random() < 0.05:
        chain.append(build.ah(bytes(chance.choice((4, 12, 20)))))
    return build.ipv6(*ends, segment, extensions=chain, dscp=dscp, ecn=ecn, hop_limit=ttl)


def _framed(chance: random.Random, talk: _Talk, packet: Packet) -> Built:
    if talk.session:
        packet = build.pppoe(packet, talk.session)
    return build.ethernet(packet, vlans=talk.vlans, pad_to=chance.choice((0, 60, 64)))


def _flow(chance: random.Random, talks: list[_Talk]) -> list[Built]:
    talk = chance.choice(talks)
    size = chance.choice((0, 1, 20, 160, 500, chance.randrange(1300)))
    return [_framed(chance, talk, _packet(chance, talk, chance.randbytes(size)))]


def _fragmented(chance: random.Random, talks: list[_Talk]) -> list[Built]:
    talk = chance.choice(talks)
    segment = build.udp(talk.client_port, talk.server_port, chance.randbytes(2500))
    size = chance.choice((512, 1024, 1304))
    cut = build.ipv4_fragments if talk.family == 4 else build.ipv6_fragments
    parts = cut(
        talk.client, talk.server, segment, size=size, identification=chance.getrandbits(16)
    )
    return [_framed(chance, talk, part) for part in parts]


def _not_ip(chance: random.Random, talks: list[_Talk]) -> list[Built]:
    inner = build.ipv4("10.0.0.1", "10.0.0.2", build.udp(5, 6, b"inside"))
    packet = chance.choice(
        (
            build.arp("10.0.0.1", "10.0.0.2", reply=chance.random() < 0.5),
            build.lldp(),
            build.mpls(inner),
            build.raw(0x0026, b"\x42\x42\x03" + bytes(35)),
            build.raw(build.PPPOE_DISCOVERY, b"\x11\x09\x00\x00\x00\x04\x01\x01\x00\x00"),
            build.pppoe(b"\xc0\x21\x09\x01\x00\x08" + chance.randbytes(4)),
            build.raw(0x88B5, chance.randbytes(chance.randrange(1, 400))),
        )
    )
    vlans = ((build.CTAG, 7),) if chance.random() < 0.2 else ()
    return [build.ethernet(packet, vlans=vlans, pad_to=60)]


def _broken(chance: random.Random, talks: list[_Talk]) -> list[Built]:
    four = build.ethernet(build.ipv4("10.1.1.1", "10.2.2.2", build.udp(7, 8, bytes(40))))
    six = build.ethernet(build.ipv6("fd00::1", "fd00::2", build.udp(7, 8, bytes(40))))
    wrong = build.raw(
        build.IPV4, b"\x43" + four[0][15:], "unparsed"
    )  # a header of 12 bytes
    version = build.raw(build.IPV4, b"\x55" + four[0][15:], "unparsed")
    return [
        chance.choice(
            (
                build.cut(four, chance.randrange(15, 34)),
                build.cut(six, chance.randrange(15, 54)),
                build.ethernet(wrong),
                build.ethernet(version),
            )
        )
    ]
