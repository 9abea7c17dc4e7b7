"""Every container and link type gives the same flows; damage is told, never a crash."""

from __future__ import annotations

import gzip
import lzma
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from lab.extract.engine import Engine, Settings
from tests.lab.extract.flowing import flows_of, lines_of
from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    PSH,
    SERVER,
    START_NS,
    SYN,
    Frame,
    block,
    ethernet,
    ip,
    pcap,
    pcapng,
    save,
    talk,
    tcp,
    udp,
)  # fmt: skip
from tests.shared_data import find_shared, shared

TALK = talk(
    (0, ">", SYN, b""), (0.01, "<", SYN | ACK, b""), (0.02, ">", ACK, b""),
    *((1 + at / 10, "<", PSH | ACK, bytes(1000)) for at in range(50)),
)  # fmt: skip
CONTAINERS = {
    "micro": pcap(TALK),
    "nano": pcap(TALK, nanoseconds=True),
    "big endian": pcap(TALK, order=">"),
    "big endian nano": pcap(TALK, True, ">"),
    "modified": pcap(TALK, modified=True),
    "snapped": pcap(TALK, snap=96),
    "pcapng": pcapng(TALK),
    "pcapng big endian": pcapng(TALK, ">"),
    "pcapng microseconds": pcapng(TALK, resolution=6),
    "pcapng with an offset": pcapng(TALK, offset_s=1_600_000_000),
    "two sections": pcapng(TALK[:20]) + pcapng(TALK[20:], ">"),
    "gzip": gzip.compress(pcap(TALK)),
    "zstd": zstandard.compress(pcap(TALK)),
    "xz": lzma.compress(pcap(TALK)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    expected = lines_of(save(tmp_path / "plain", CONTAINERS["micro"]))
    assert lines_of(save(tmp_path / "other", CONTAINERS[name])) == expected
    assert len(expected) == 1


def test_several_interfaces_with_their_own_link_types(tmp_path: Path) -> None:
    packet = ip(CLIENT, SERVER, 17, udp(1, 2, b"abc"))
    frames = [
        Frame(START_NS, ethernet(packet), 1),
        Frame(START_NS + 1000, packet, 101),
        Frame(START_NS + 2000, b"\0" * 14 + b"\x08\0" + packet, 113),
    ]
    flows, problem = flows_of(save(tmp_path / "a", pcapng(frames)))
    assert problem == ""
    assert flows["record"]["volume"]["packets"].sum() == 3
    assert len(flows) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"short", "neither pcap nor pcapng"),
        (b"x" * 100, "neither pcap nor pcapng"),
        (pcap(TALK)[:-1], "cut off in the middle of a packet"),
        (pcap(TALK)[:30], "neither pcap nor pcapng"),
        (pcap(TALK)[:24] + b"\xff" * 64, "a packet record longer than 16 MiB"),
        (b"\xd4\xc3\xb2\xa1\x09\0" + bytes(100), "a pcap version that is not understood"),
        (pcapng(TALK) + b"\1\2\3", "cut off in the middle of a packet"),
        (pcapng(TALK) + struct.pack("<III", 6, 5, 0), "a pcapng block of no sane length"),
        (pcapng(TALK) + block("<", 6, struct.pack("<IIIII", 9, 0, 0, 0, 0)),
         "a packet of an interface never described"),
        (pcapng(TALK) + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
         "a packet longer than its pcapng block"),
        (gzip.compress(pcap(TALK))[:-20], "damaged compression"),
    ],
)  # fmt: skip
def test_damage_is_named(data: bytes, reason: str, tmp_path: Path) -> None:
    _, problem = flows_of(save(tmp_path / "bad", data))
    assert problem.startswith(reason)


def test_what_comes_before_the_damage_is_kept(tmp_path: Path) -> None:
    flows, problem = flows_of(save(tmp_path / "cut", pcap(TALK)[:-1]))
    assert problem
    assert flows["record"]["volume"]["packets"].sum() == len(TALK) - 1


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_bytes_may_come_in_any_pieces(step: int) -> None:
    def outcome(size: int) -> bytes:
        data, at, end = np.frombuffer(pcapng(TALK), np.uint8), 0, 0
        with Engine(Settings()) as engine:
            while end < len(data):
                end = min(end + size, len(data))
                result, used = engine.feed(data[at:end].copy())
                at += used
                assert result == 0
            engine.finish()
            return bytes(engine.take().tobytes())

    assert outcome(step) == outcome(10**6)


def outer(protocol: int, body: bytes) -> bytes:
    return ip("1.1.1.1", "2.2.2.2", protocol, body)


def over_udp(port: int, head: bytes) -> Callable[[bytes], bytes]:
    return lambda inner: outer(17, udp(9, port, head + inner))


def over_udp_ethernet(port: int, head: bytes) -> Callable[[bytes], bytes]:
    return lambda inner: outer(17, udp(9, port, head + ethernet(inner)))


TEB = b"\x65\x58"
EXTENDED_GTP = b"\x34\xff\0\0\0\0\0\1\0\0\0\x85\1\0\0\0"


@pytest.mark.parametrize(
    "tunnel",
    [
        ("ipip", lambda inner: outer(4, inner)),
        ("gre", lambda inner: outer(47, b"\0\0\x08\0" + inner)),
        ("gre", lambda inner: outer(47, b"\x20\0" + TEB + bytes(4) + ethernet(inner))),
        ("vxlan", over_udp_ethernet(4789, b"\x08" + bytes(7))),
        ("geneve", over_udp_ethernet(6081, b"\0\0" + TEB + bytes(4))),
        ("gtp", over_udp(2152, b"\x30\xff\0\0\0\0\0\1")),
        ("gtp", over_udp(2152, EXTENDED_GTP)),
    ],
)
def test_tunnels_are_opened_by_option(
    tunnel: tuple[str, Callable[[bytes], bytes]], tmp_path: Path
) -> None:
    kind, wrap = tunnel
    inner = ip(CLIENT, SERVER, 6, tcp(1111, 80, SYN, b"abc"))
    frame = Frame(START_NS, ethernet(wrap(inner)))
    path = save(tmp_path / "tunnel", pcap([frame]))
    (closed,), (opened,) = lines_of(path), lines_of(path, tunnels=frozenset({kind}))
    assert closed.startswith("1.1.1.1-2.2.2.2-")
    assert opened.startswith(f"{CLIENT}-{SERVER}-1111-80-6")
    assert opened.split(",")[10] == "3"


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    dice = random.Random(5)
    for number in range(300):
        data = bytearray(dice.choice(list(CONTAINERS.values())[:11]))
        for _ in range(dice.randint(1, 30)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        flows_of(save(tmp_path / f"{number}", bytes(data)))


VARIANTS = (
    "be", "modpcap", "ns", "null", "pppoe", "qinq", "raw", "sll", "sll2", "snap96",
    "vlan-none",
)  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_capture_in_other_formats(variant: str) -> None:
    expected = lines_of(shared("pcap/formats/teams.pcap"))
    assert len(expected) == 83
    assert lines_of(shared(f"pcap/formats/teams.{variant}.pcap")) == expected
    assert lines_of(shared("pcap/formats/teams.pcapng")) == expected


def test_every_nasty_file_is_read_or_refused_with_a_reason() -> None:
    found = find_shared("pcap/nasty")
    if found is None:
        pytest.skip("optional captures are not there (set WEIR_SHARED)")
    for path in sorted(found.iterdir()):
        flows, problem = flows_of(
            path, Settings(tunnels=frozenset({"gre", "vxlan", "gtp"}))
        )
        assert len(flows) or problem is not None
