"""Mistakes reported later, R1-R14 (docs/features.md), one test each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.extract.flowing import rows
from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    SERVER,
    START_NS,
    SYN,
    Frame,
    icmp,
    ip,
    pcap,
    save,
    talk,
    tcp,
    udp,
)  # fmt: skip
from tests.lab.extract.talks import OPEN, at, datagram


def test_r1_subflows_are_one_more_than_the_gaps() -> None:
    (row,) = rows([datagram(0), datagram(2), datagram(4)])
    assert row["Subflow Fwd Packets"] == "1"
    assert rows([datagram(0)])[0]["Subflow Fwd Packets"] == "1"
    (row,) = rows([datagram(0), datagram(2), datagram(4)], "cic-fixed")
    assert row["Subflow Fwd Packets"] == "1.5"


def test_r2_the_smallest_backward_header_is_found() -> None:
    frames = talk(*OPEN)
    (row,) = rows(frames, "cic-fixed")
    assert row["Bwd Seg Size Min"] == "0"
    from lab.extract.columns import extended
    from tests.lab.extract.flowing import flows

    assert extended(flows(frames))["Bwd Seg Size Min"].values.tolist() == [20]


def test_r3_flows_leave_when_they_are_silent() -> None:
    frames = [datagram(0, sport=1), *(datagram(at / 100, sport=2) for at in range(50_000))]
    assert rows(frames)[0]["Src Port"] == "1"


def test_r4_the_last_active_period_counts() -> None:
    (row,) = rows([datagram(0), datagram(3)])
    assert row["Active Mean"] == "3000000"
    assert rows([datagram(0), datagram(3)], "cic-fixed")[0]["Active Mean"] == "0"


def test_r5_ipv6_has_microseconds_flags_and_windows() -> None:
    ends = ("2001:db8::1", "2001:db8::2")
    frames = [
        at(0.000001, ip(*ends, 6, tcp(1, 2, SYN, window=77))),
        at(0.000008, ip(*ends, 6, tcp(1, 2, ACK))),
    ]
    (row,) = rows(frames)
    assert (row["Flow Duration"], row["SYN Flag Count"]) == ("7", "1")
    assert (row["FWD Init Win Bytes"], row["Fwd Header Length"]) == ("77", "40")


def test_r6_a_host_that_talks_to_itself_has_two_directions() -> None:
    ways = [(1000, 2000), (2000, 1000)]
    frames = [at(n, ip(CLIENT, CLIENT, 17, udp(*ports))) for n, ports in enumerate(ways)]
    (row,) = rows(frames)
    assert (row["Total Fwd Packet"], row["Total Bwd packets"]) == ("1", "1")


def test_r7_fragments_join_their_datagram() -> None:
    first = ip(CLIENT, SERVER, 17, udp(9000, 9001, bytes(1472)), ident=5, fragment=0x2000)
    later = ip(CLIENT, SERVER, 17, bytes(500), ident=5, fragment=185)
    (row,) = rows([at(0, first), at(0.001, later)])
    assert (row["Src Port"], row["Total Fwd Packet"]) == ("9000", "2")
    assert len(rows([at(0, first), at(0.001, later)], join_fragments=False)) == 2


@pytest.mark.parametrize("other", [(3, 0), (8, 3)])
def test_r8_icmp_splits_by_type_or_code(other: tuple[int, int]) -> None:
    frames = [
        at(0, ip(CLIENT, SERVER, 1, icmp(8, 0))),
        at(1, ip(CLIENT, SERVER, 1, icmp(*other))),
    ]
    assert len(rows(frames)) == 2
    assert len(rows(frames, "cic-fixed")) == 1


def test_r9_a_bad_file_does_not_end_the_batch(tmp_path: Path) -> None:
    from lab.__main__ import main

    save(tmp_path / "a.pcap", b"not a capture at all, but long enough to tell")
    save(tmp_path / "b.pcap", pcap([datagram(0)]))
    assert main(["flows", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.pcap_Flow.csv"]


def test_r10_wire_bytes_are_told_beside_payload() -> None:
    from lab.extract.columns import extended
    from tests.lab.extract.flowing import flows

    frames = [datagram(0, 100)]
    assert rows(frames)[0]["Total Length of Fwd Packet"] == "100"
    assert extended(flows(frames))["Fwd Wire Bytes"].values.tolist() == [142]


@pytest.mark.parametrize(
    ("link", "head"),
    [
        (0, b"\x02\0\0\0"),
        (113, b"\0" * 14 + b"\x08\0"),
        (276, b"\x08\0" + b"\0" * 18),
        (51, b"\x11\0\0\x01\0\x22\0\x21"),
        (101, b""),
        (108, b"\0\0\0\x02"),
        (9, b"\xff\x03\0\x21"),
        (9, b"\x21"),
    ],
)
def test_r11_every_link_type_has_its_flows(link: int, head: bytes) -> None:
    (row,) = rows([Frame(START_NS, head + ip(CLIENT, SERVER, 17, udp(7, 8, b"abc")), link)])
    assert (row["Flow ID"], row["Packet Length Max"]) == (f"{CLIENT}-{SERVER}-7-8-17", "3")


def test_r12_ports_used_again_without_an_end_are_a_new_flow() -> None:
    again = at(1, ip(CLIENT, SERVER, 6, tcp(1111, 80, SYN, seq=99_999)))
    assert len(rows([*talk(*OPEN), again])) == 2
    assert len(rows([*talk(*OPEN), again], "cic-fixed")) == 1


def test_r13_no_column_holds_a_sentinel() -> None:
    (row,) = rows([datagram(0)])
    assert not [name for name, value in row.items() if value in ("-1", "NaN", "Infinity")]


def test_r14_retransmissions_cost_no_memory() -> None:
    segment = tcp(1111, 80, ACK, b"x" * 10, seq=1)
    frames = [at(n, ip(CLIENT, SERVER, 6, segment, ident=n)) for n in range(5)]
    from lab.extract.columns import extended
    from tests.lab.extract.flowing import flows

    assert extended(flows(frames))["Fwd Retransmits"].values.tolist() == [4]
