"""Published mistakes of flow meters, P1-P20 and R1-R14 (docs/features.md), one test each.

Weir's default must not make them; where a compatible schema is meant to, the test says so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.extract.labels import Labels, Rule
from tests.lab.extract.flowing import flows_of, rows
from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    START_NS,
    SYN,
    URG,
    Frame,
    ethernet,
    icmp,
    ip,
    pcap,
    save,
    talk,
    tcp,
    udp,
)  # fmt: skip
from wire.features import COLUMNS

OPEN = ((0, ">", SYN, b""), (0.01, "<", SYN | ACK, b""), (0.02, ">", ACK, b""))
CLOSE = ((1, ">", FIN | ACK, b""), (1.01, "<", FIN | ACK, b""), (1.02, ">", ACK, b""))
DATA = tuple((0.1 + at / 100, ">", PSH | ACK, b"x" * 100) for at in range(5))


def at(seconds: float, packet: bytes) -> Frame:
    return Frame(START_NS + round(seconds * 1e9), ethernet(packet))


def datagram(seconds: float, size: int = 10, sport: int = 1111, way: str = ">") -> Frame:
    ends = (CLIENT, SERVER) if way == ">" else (SERVER, CLIENT)
    ports = (sport, 53) if way == ">" else (53, sport)
    return at(seconds, ip(*ends, 17, udp(*ports, bytes(size))))


def test_p1_a_fin_leaves_no_appendix() -> None:
    frames = talk(*OPEN, *CLOSE)
    assert [row["Total Fwd Packet"] for row in rows(frames)] == ["4"]
    # Master: the last acknowledgement is a flow of one packet, and dropped (P9).
    assert [row["Total Fwd Packet"] for row in rows(frames, "cic")] == ["3"]


def test_p2_rst_ends_a_flow() -> None:
    again = at(2, ip(CLIENT, SERVER, 6, tcp(1111, 80, SYN, seq=50_000)))
    assert len(rows([*talk(*OPEN, (1, "<", RST, b"")), again])) == 2


def test_p3_active_and_idle_are_durations() -> None:
    (row,) = rows([datagram(0), datagram(1), datagram(11), datagram(12)])
    assert (row["Active Max"], row["Idle Max"]) == ("1000000", "10000000")


def test_p4_psh_and_urg_count_every_packet() -> None:
    (row,) = rows(
        talk(*OPEN, (0.1, ">", PSH | ACK, b"a"), (0.2, "<", PSH | URG | ACK, b"b"))
    )
    names = [f"{way} {flag} Flags" for flag in ("PSH", "URG") for way in ("Fwd", "Bwd")]
    assert [row[name] for name in names] == ["1", "1", "0", "1"]
    (row,) = rows(talk(*OPEN, (0.1, ">", PSH | ACK, b"a")), "cic")
    assert row["Fwd PSH Flags"] == "0"


def test_p5_forward_bulk_is_forward() -> None:
    frames = talk(*OPEN, *DATA)
    (row,) = rows(frames)
    assert (row["Fwd Bytes/Bulk Avg"], row["Bwd Bytes/Bulk Avg"]) == ("500", "0")
    (row,) = rows(frames, "cic")
    assert (row["Fwd Bytes/Bulk Avg"], row["Bwd Bytes/Bulk Avg"]) == ("0", "500")


def test_p6_the_first_packet_counts_once() -> None:
    frames = [datagram(0, 100), datagram(1, 200)]
    assert rows(frames)[0]["Packet Length Mean"] == "150"
    assert rows(frames, "cic")[0]["Average Packet Size"] == "200.0"
    assert rows(frames, "cic-fixed")[0]["Average Packet Size"] == "150.0"


def test_p7_ratios_are_real_numbers() -> None:
    frames = [datagram(0), datagram(1), datagram(2, way="<")]
    assert rows(frames)[0]["Down/Up Ratio"] == "0.5"
    assert rows(frames, "cic")[0]["Down/Up Ratio"] == "0.0"
    assert rows(frames, "cic-fixed")[0]["Down/Up Ratio"] == "0.5"


def test_p8_the_window_is_the_first_packets() -> None:
    frames = [
        at(number, ip(*ends, 6, tcp(*ports, ACK, seq=number, window=window), ident=number))
        for number, (ends, ports, window) in enumerate(
            [
                ((CLIENT, SERVER), (1, 2), 10),
                ((SERVER, CLIENT), (2, 1), 20),
                ((SERVER, CLIENT), (2, 1), 30),
            ]
        )
    ]
    assert [rows(frames, name)[0]["Bwd Init Win Bytes"] for name in ("weir", "cic")] == [
        "20",
        "30",
    ]


def test_p9_a_packet_alone_is_a_flow() -> None:
    assert [len(rows([datagram(0)], name)) for name in ("weir", "cic", "cic-fixed")] == [
        1,
        0,
        1,
    ]


def test_p10_rates_have_a_value_at_duration_0() -> None:
    frames = [datagram(0), datagram(0)]
    got = [rows(frames, name)[0]["Flow Packets/s"] for name in ("weir", "cic", "cic-fixed")]
    assert got == ["0", "Infinity", "-1"]


def test_p11_protocols_have_their_numbers() -> None:
    error = icmp(3, 3, bytes(4) + ip(SERVER, CLIENT, 17, udp(7777, 33434)))
    frames = [
        at(0, ip(CLIENT, SERVER, 1, error)),
        at(1, ip(CLIENT, SERVER, 132, udp(5, 6))),
    ]
    frames += [at(1, ip(CLIENT, SERVER, 2, b"\x16\0\0\0\0\0\0\0"))]
    assert sorted(row["Protocol"] for row in rows(frames)) == ["1", "132", "2"]
    doubled = [frames[0], Frame(frames[0].time_ns + 1000, frames[0].data)]
    # Master takes the quoted datagram for the packet.
    assert rows(doubled, "cic")[0]["Flow ID"] == f"{CLIENT}-{SERVER}-7777-33434-17"


def test_p12_an_offloaded_packet_without_length_has_ports_and_payload() -> None:
    packet = ip(CLIENT, SERVER, 6, tcp(1111, 80, ACK, bytes(3000)), total=0)
    (row,) = rows([at(0, packet)])
    assert (row["Src Port"], row["Total Length of Fwd Packet"]) == ("1111", "3000")


def test_p13_after_a_timeout_the_direction_stays() -> None:
    frames = [datagram(0), datagram(200, way="<"), datagram(201)]
    out = rows(frames, idle_timeout=1000, active_timeout=120)
    assert [row["Src IP"] for row in out] == [CLIENT, CLIENT]
    assert out[1]["Total Bwd packets"] == "1"


def test_p14_an_answer_seen_first_does_not_reverse_the_flow() -> None:
    _, answer, acknowledgement = talk(*OPEN)
    (row,) = rows([answer, acknowledgement])
    assert (row["Src IP"], row["Total Fwd Packet"], row["Total Bwd packets"]) == (
        CLIENT,
        "1",
        "1",
    )


def test_p15_timestamps_are_utc_to_the_microsecond() -> None:
    assert rows([datagram(0.123456)])[0]["Timestamp"] == "2023-11-14 22:13:20.123456"
    frames = [datagram(0), datagram(1)]
    assert rows(frames, "cic")[0]["Timestamp"] == "14/11/2023 10:13:20 PM"


def test_p16_no_column_is_there_twice_and_aliases_are_equal() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    (row,) = rows(talk(*OPEN, *DATA))
    for alias, name in (
        ("Average Packet Size", "Packet Length Mean"),
        ("Fwd Segment Size Avg", "Fwd Packet Length Mean"),
        ("Bwd Segment Size Avg", "Bwd Packet Length Mean"),
    ):
        assert row[alias] == row[name]


def test_p17_disorder_and_copies_leave_gaps_true() -> None:
    frames = [datagram(0), datagram(0.002), datagram(0.001), datagram(0.003)]
    (row,) = rows(frames)
    assert (row["Flow IAT Std"], row["Flow IAT Mean"]) == ("0", "1000")


def test_p18_labels_follow_rules_with_an_attempted_class(tmp_path: Path) -> None:
    rule = Rule("Attack", destination_port=80, attempted="Attack - Attempted")
    frames = [*talk(*OPEN), *talk(*OPEN, *DATA, sport=2222), datagram(0)]
    path = save(tmp_path / "made.pcap", pcap(frames))
    flows, _ = flows_of(path)
    from lab.extract.identity import ends

    labels = Labels("Benign", (rule,))
    names = [labels.texts[index] for index in labels.indices(ends(flows), flows)]
    assert sorted(names) == ["Attack", "Attack - Attempted", "Benign"]


def test_p19_padding_is_not_payload() -> None:
    frames = talk(*OPEN)
    assert all(len(frame.data) == 60 for frame in frames)
    assert rows(frames)[0]["Packet Length Max"] == "0"


def test_p20_udp_and_ipv6_flows_are_there() -> None:
    six = at(0, ip("2001:db8::1", "2001:db8::2", 6, tcp(1, 2, SYN)))
    assert [row["Flow ID"] for row in rows([datagram(0), six])] == [
        f"{CLIENT}-{SERVER}-1111-53-17",
        "2001:db8::1-2001:db8::2-1-2-6",
    ]


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
