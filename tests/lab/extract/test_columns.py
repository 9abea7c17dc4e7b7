"""Every column against its definition, over conversations nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.lab.extract.flowing import rows
from tests.lab.extract.frames import START_NS, Frame, ethernet, ip, tcp, udp
from tests.lab.extract.reference import Packet, columns
from wire.features import NUMERIC

GAPS_NS = st.one_of(
    st.integers(0, 3_000_000),
    st.sampled_from([1_000_000_000, 1_000_000_001, 5_000_000_000, 5_000_000_001]),
    st.integers(0, 20_000_000_000),
)
# No SYN, FIN or RST: those may end a flow, which test_endings.py holds.
QUIET_FLAGS = st.integers(0, 255).map(lambda flags: flags & 0b11111000)
STEP = st.tuples(
    GAPS_NS, st.booleans(), st.one_of(st.just(0), st.integers(0, 1400)), QUIET_FLAGS,
    st.integers(0, 65535), st.integers(0, 3),
)  # fmt: skip


def built(
    steps: list[tuple[int, bool, int, int, int, int]],
) -> tuple[list[Frame], list[Packet]]:
    frames, packets, now = [], [], START_NS
    for number, (gap, forward, size, flags, window, words) in enumerate(steps):
        now += gap if number else 0
        forward = forward or not number
        ends = ("10.0.0.1", "10.0.0.2") if forward else ("10.0.0.2", "10.0.0.1")
        ports = (1111, 80) if forward else (80, 1111)
        segment = tcp(
            *ports, flags, bytes(size), number * 1500, 0, window, b"\x01" * 4 * words
        )
        frames.append(Frame(now, ethernet(ip(*ends, 6, segment, ident=number + 1))))
        packets.append(Packet(now, forward, size, 20 + 4 * words, flags, window))
    return frames, packets


@given(st.lists(STEP, min_size=1, max_size=40))
def test_every_column_follows_its_definition(
    steps: list[tuple[int, bool, int, int, int, int]],
) -> None:
    frames, packets = built(steps)
    (row,) = rows(frames, idle_timeout=1e6, active_timeout=1e6)
    expected = columns(packets)
    assert set(expected) == set(NUMERIC)
    for name in NUMERIC:
        assert float(row[name]) == pytest.approx(expected[name], rel=1e-9, abs=2e-6), name


def test_udp_has_headers_of_eight_bytes_and_no_window() -> None:
    frames = [
        Frame(START_NS, ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(5353, 53, b"ab")))),
        Frame(
            START_NS + 9000, ethernet(ip("10.0.0.2", "10.0.0.1", 17, udp(53, 5353, b"abc")))
        ),
    ]
    (row,) = rows(frames)
    packets = [Packet(START_NS, True, 2, 8), Packet(START_NS + 9000, False, 3, 8)]
    for name, value in columns(packets).items():
        assert float(row[name]) == pytest.approx(value, rel=1e-9, abs=2e-6), name
    assert row["Protocol"] == "17"
