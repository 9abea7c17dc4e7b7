"""When flows begin and end: by packet time, by FIN and RST, by ports used again."""

from __future__ import annotations

import numpy as np
import pytest

from lab.extract.layout import ENDINGS
from tests.lab.extract.flowing import flows, rows
from tests.lab.extract.frames import (
    ACK,
    CLIENT,
    RST,
    SERVER,
    START_NS,
    SYN,
    Frame,
    ethernet,
    ip,
    talk,
    tcp,
)  # fmt: skip
from tests.lab.extract.talks import CLOSE, OPEN, datagram


def counts(frames: list[Frame], **changes: object) -> list[tuple[int, str]]:
    """Packets and ending of every flow, in the order they are written."""
    out = flows(frames, **changes)
    total = out["record"]["volume"]["packets"].sum(axis=(1, 2))
    return [
        (int(n), ENDINGS[e]) for n, e in zip(total, out["extra"]["ending"], strict=True)
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 119), [2]),
        ((0, 120), [2]),
        ((0, 121), [1, 1]),
        ((0, 100, 200, 321), [3, 1]),
    ],
)
def test_idle_timeout_is_by_packet_time(
    times: tuple[int, ...], expected: list[int]
) -> None:
    assert [n for n, _ in counts([datagram(at) for at in times])] == expected


def test_a_flow_of_one_packet_ends_by_the_clock_of_others() -> None:
    frames = [datagram(0, sport=1)] + [datagram(at, sport=2) for at in range(1, 200)]
    frames += [datagram(at / 100, sport=3) for at in range(20_000, 40_000)]
    endings = dict(counts(frames))
    assert endings[1] == "idle"


def test_active_timeout_cuts_and_keeps_the_orientation() -> None:
    frames = [datagram(0), *(datagram(at, way="<") for at in range(10, 100, 10))]
    first, second = rows(frames, active_timeout=45)
    assert (first["Total Fwd Packet"], first["Total Bwd packets"]) == ("1", "4")
    assert (second["Src IP"], second["Total Fwd Packet"]) == (CLIENT, "0")
    assert second["Total Bwd packets"] == "5"


def test_a_late_acknowledgement_makes_no_new_flow() -> None:
    late = (3, ">", ACK, b"")
    assert counts(talk(*OPEN, *CLOSE, late)) == [(7, "end of capture")]


def test_after_the_linger_a_packet_is_a_new_flow() -> None:
    late = (30, ">", ACK, b"")
    assert counts(talk(*OPEN, *CLOSE, late)) == [(6, "FIN"), (1, "end of capture")]


def test_rst_ends_a_flow_after_the_linger() -> None:
    frames = talk(*OPEN, (1, "<", RST, b""), (2, "<", RST, b""), (40, ">", ACK, b""))
    assert counts(frames) == [(5, "RST"), (1, "end of capture")]


@pytest.mark.parametrize(
    ("between", "ending"),
    [(CLOSE, "FIN"), (((1, "<", RST, b""),), "RST"), ((), "port re-use")],
)
def test_a_new_syn_on_the_same_ports_is_a_new_flow(
    between: tuple[tuple[float, str, int, bytes], ...], ending: str
) -> None:
    again = Frame(
        START_NS + 5 * 10**9,
        ethernet(ip(CLIENT, SERVER, 6, tcp(1111, 80, SYN, seq=777_777))),
    )
    frames = [*talk(*OPEN, *between), again]
    assert counts(frames) == [(3 + len(between), ending), (1, "end of capture")]


def test_a_syn_sent_again_is_the_same_flow() -> None:
    first, *rest = talk(*OPEN)
    assert counts([first, Frame(first.time_ns + 10**6, first.data), *rest])[0][0] == 4


def test_a_simultaneous_open_is_one_flow() -> None:
    frames = talk((0, ">", SYN, b""), (0.001, "<", SYN, b""), (0.002, ">", SYN | ACK, b""))
    assert len(counts(frames)) == 1


def test_packets_out_of_order_are_put_in_order() -> None:
    frames = [datagram(at / 10) for at in (0, 2, 1, 3)]
    (row,) = rows(frames)
    assert (row["Flow IAT Max"], row["Flow IAT Min"]) == ("100000", "100000")
    out = flows(frames)
    assert out["extra"]["late"].sum() == 1


def test_without_a_window_packets_count_as_they_come() -> None:
    (row,) = rows([datagram(at / 10) for at in (0, 2, 1, 3)], reorder_window=0)
    assert (row["Flow IAT Max"], row["Flow IAT Min"]) == ("200000", "0")


def test_a_clock_that_jumps_back_disturbs_nothing_before_it() -> None:
    frames = [datagram(1000), datagram(1001), datagram(0), datagram(1)]
    (row,) = rows(frames)
    assert row["Total Fwd Packet"] == "4"
    assert row["Flow Duration"] == "1000000"


def test_copies_are_counted_and_dropped_on_demand() -> None:
    frame = Frame(START_NS, ethernet(ip(CLIENT, SERVER, 6, tcp(1, 2, ACK, b"x"), ident=7)))
    copy = Frame(START_NS + 1000, frame.data)
    later = Frame(START_NS + 10**9, frame.data)
    kept, dropped = (
        flows([frame, copy, later]),
        flows([frame, copy, later], drop_duplicates=True),
    )
    assert kept["extra"]["duplicates"].sum() == dropped["extra"]["duplicates"].sum() == 1
    assert kept["record"]["volume"]["packets"].sum() == 3
    assert dropped["record"]["volume"]["packets"].sum() == 2


def test_a_full_table_ends_the_longest_silent_and_loses_no_packet() -> None:
    frames = [datagram(at / 1000, sport=port) for at, port in enumerate(range(1, 2001))]
    out = flows(frames, flows_limit=160)
    assert out["record"]["volume"]["packets"].sum() == 2000
    assert (out["extra"]["ending"] == ENDINGS.index("pressure")).any()


def test_flows_come_in_the_order_they_end() -> None:
    out = flows([datagram(at, sport=at % 7 + 1) for at in range(0, 4000, 150)])
    firsts = out["extra"]["first_packet"]
    assert (np.diff(out["extra"]["end_packet"].astype(float)) >= 0).all()
    assert len(set(firsts.tolist())) == len(firsts)


@pytest.mark.parametrize("reorder_window", [0.0, 1.0])
@pytest.mark.parametrize("place", [10, 15_359, 39_990])
def test_one_packet_of_another_time_ends_no_flow(place: int, reorder_window: float) -> None:
    """A clock that was wrong for a moment: what follows it goes by its own times."""
    frames = [datagram(at / 1000) for at in range(40_000)]
    frames.insert(place, datagram(86_400, sport=2))
    found = counts(frames, reorder_window=reorder_window)
    assert sorted(n for n, _ in found) == [1, 40_000]
    assert (40_000, "end of capture") in found
