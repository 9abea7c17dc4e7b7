"""Published mistakes of flow meters, P1-P20 (docs/features.md), one test each.

Weir's default must not make them; where a compatible schema is meant to, the test says so.
"""

from __future__ import annotations

from pathlib import Path

from lab.extract.labels import Labels, Rule
from tests.lab.extract.flowing import flows_of, rows
from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    PSH,
    RST,
    SERVER,
    SYN,
    URG,
    Frame,
    icmp,
    ip,
    pcap,
    save,
    talk,
    tcp,
    udp,
)  # fmt: skip
from tests.lab.extract.talks import CLOSE, DATA, OPEN, at, datagram
from wire.features import COLUMNS


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
