"""What each flow may have, in the packet program, with time driven by the frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agent.capture.layout import (
    BUCKET,
    CLASSES,
    DROP,
    INTERFACE_SHAPED,
    LIMIT,
    MATCH_TABLE,
    RX,
    SHAPING,
    TX,
)
from agent.capture.matches import Match, compiled
from tests.bpf.engine import SLOT, Engine, skb_context
from tests.support import frames as build

UNSPEC, SHOT = -1, 2
UNKNOWN, VOICE, VIDEO = 0, 1, 2
SECOND_NS, NEVER = 1_000_000_000, 2**62
BEGIN_NS = 100 * SECOND_NS
LENGTH = 1200
VIDEO_PORT, VOICE_PORT = 3478, 5060
HOOK = {"weir_egress": TX, "weir_ingress": RX}


@pytest.fixture
def limited(clocked: Engine) -> Iterator[Engine]:
    """Both directions shaped, class by port, no limits."""
    clocked.clear()
    clocked.watch(INTERFACE_SHAPED)
    ports = np.zeros(65536, np.uint8)
    ports[VIDEO_PORT], ports[VOICE_PORT] = VIDEO, VOICE
    clocked.kernel.set_classes(ports, np.zeros(64, np.uint8))
    clocked.kernel.set_matches(np.zeros(1, MATCH_TABLE))
    tell(clocked)
    yield clocked
    for number in range(1, 9):
        clocked.kernel.set_limit(number, np.zeros(1, LIMIT))


def tell(engine: Engine, deadline_ns: int = NEVER, **limits: int) -> None:
    """Rows of both directions: by-class limits as video=1, voice=2."""
    row = np.zeros(1, SHAPING)
    row["root"], row["deadline_ns"] = 0x57450000, deadline_ns
    for name, number in limits.items():
        row["limits"][0, {"unknown": UNKNOWN, "voice": VOICE, "video": VIDEO}[name]] = (
            number
        )
    for hook in (RX, TX):
        engine.kernel.set_shaping(SLOT, hook, row)


def set_limit(engine: Engine, number: int, megabits: float, excess: int = DROP) -> None:
    limit = np.zeros(1, LIMIT)
    limit["rate_bytes_s"], limit["excess"] = int(megabits * 125_000), excess
    limit["burst_ns"] = SECOND_NS // 10
    engine.kernel.set_limit(number, limit)


def frame(source_port: int, port: int = VIDEO_PORT) -> bytes:
    body = build.udp(source_port, port, bytes(LENGTH - 42))
    return build.ethernet(build.ipv4("10.0.0.1", "10.0.0.2", body))[0]


def send(
    engine: Engine, data: bytes, at_ns: int, program: str = "weir_egress", segments: int = 0
) -> int:
    context = skb_context(tstamp=at_ns)
    if segments:
        # What leaves is measured by wire_len: each segment has a header of its own.
        wire = LENGTH * segments
        context = skb_context(segments, LENGTH - 42, wire, at_ns)
    return int(np.int32(np.uint32(engine.run(program, data, context) & 0xFFFFFFFF)))


def offered(
    engine: Engine,
    flows: dict[int, float],
    seconds: float,
    program="weir_egress",
    port=VIDEO_PORT,
) -> dict[int, tuple[float, int]]:
    """Send each flow (by its own port) at some Mbit/s: Mbit/s that pass, frames dropped."""
    passed = dict.fromkeys(flows, 0)
    dropped = dict.fromkeys(flows, 0)
    moments = sorted(
        (BEGIN_NS + int(i * LENGTH * 8 * 1000 / rate), one)
        for one, rate in flows.items()
        for i in range(int(seconds * rate * 1e6 / 8 / LENGTH))
    )
    for at_ns, one in moments:
        if send(engine, frame(one, port), at_ns, program) == SHOT:
            dropped[one] += 1
        else:
            passed[one] += LENGTH * 8
    return {one: (passed[one] / seconds / 1e6, dropped[one]) for one in flows}


def test_each_flow_of_a_class_has_the_rate(limited: Engine) -> None:
    """Three flows at one, three and half times the rate; what is dropped is counted."""
    set_limit(limited, 1, 2)
    tell(limited, video=1)
    before = limited.kernel.limited()[1].copy()
    found = offered(limited, {1001: 2.0, 1002: 6.0, 1003: 1.0}, 5)
    assert found[1001] == (pytest.approx(2, rel=0.01), 0)
    assert found[1002][0] == pytest.approx(2, rel=0.1)
    assert found[1003] == (pytest.approx(1, rel=0.01), 0)
    over = limited.kernel.limited()[1]
    assert over["frames"] - before["frames"] == found[1002][1]
    assert over["bytes"] - before["bytes"] == found[1002][1] * LENGTH


def test_the_directions_of_a_flow_are_apart(limited: Engine) -> None:
    set_limit(limited, 1, 2)
    tell(limited, video=1)
    for program in HOOK:
        found = offered(limited, {1001: 6.0}, 3, program)
        assert found[1001][0] == pytest.approx(2, rel=0.1), program


def test_the_limit_of_a_match_wins_over_that_of_the_class(limited: Engine) -> None:
    set_limit(limited, 1, 2)
    set_limit(limited, 2, 4)
    limited.kernel.set_matches(
        compiled([Match(None, source_ports=((1002, 1002),), limit=2)])
    )
    tell(limited, video=1)
    found = offered(limited, {1001: 8.0, 1002: 8.0}, 3)
    assert found[1001][0] == pytest.approx(2, rel=0.1)
    assert found[1002][0] == pytest.approx(4, rel=0.1)


def test_another_rate_holds_at_once(limited: Engine) -> None:
    set_limit(limited, 1, 2)
    tell(limited, video=1)
    offered(limited, {1001: 8.0}, 1)
    limited.clear()
    set_limit(limited, 1, 5)
    assert offered(limited, {1001: 8.0}, 3)[1001][0] == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("segments", [2, 20, 44])
def test_a_merged_frame_counts_for_all_its_segments(limited: Engine, segments: int) -> None:
    """64 kB at once are not dropped for their size, and the rate holds over time."""
    set_limit(limited, 1, 4)
    tell(limited, video=1)
    seconds, rate = 10, 12
    count = int(seconds * rate * 1e6 / 8 / (LENGTH * segments))
    gap_ns = seconds * SECOND_NS // count
    data = frame(1001)
    passed = sum(
        send(limited, data, BEGIN_NS + i * gap_ns, segments=segments) != SHOT
        for i in range(count)
    )
    assert passed * segments * LENGTH * 8 / seconds / 1e6 == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("port", "excess", "kept"),
    [
        pytest.param(VIDEO_PORT, DROP, False, id="video is dropped"),
        pytest.param(VIDEO_PORT, UNKNOWN, True, id="video is demoted"),
        pytest.param(VOICE_PORT, DROP, True, id="voice is demoted, never dropped"),
    ],
)
def test_what_becomes_of_the_excess(limited: Engine, port, excess, kept) -> None:
    """Demoted packets meet the policer of the class that they become."""
    set_limit(limited, 1, 2, excess)
    tell(limited, video=1, voice=1)
    before = int(limited.kernel.limited()[1]["frames"])
    rate, dropped = offered(limited, {1001: 6.0}, 3, port=port)[1001]
    assert (rate == pytest.approx(6, rel=0.01)) == kept
    assert (dropped == 0) == kept
    over = int(limited.kernel.limited()[1]["frames"]) - before
    assert over == pytest.approx(2 / 3 * 3 * 6e6 / 8 / LENGTH, rel=0.1)


def test_demoted_packets_meet_the_policer_of_their_new_class(limited: Engine) -> None:
    set_limit(limited, 1, 2, UNKNOWN)
    bucket = np.zeros(1, BUCKET)
    bucket["rate_bytes_s"], bucket["expires_ns"] = 125_000, NEVER
    bucket["burst_ns"] = SECOND_NS // 10
    limited.kernel.set_policer(SLOT, TX, UNKNOWN, bucket)
    row = np.zeros(1, SHAPING)
    row["root"], row["deadline_ns"] = 0x57450000, NEVER
    row["limits"][0, VIDEO], row["policed"], row["excess"] = 1, 1 << UNKNOWN, DROP
    limited.kernel.set_shaping(SLOT, TX, row)
    assert offered(limited, {1001: 8.0}, 3)[1001][0] == pytest.approx(3, rel=0.1)


def test_past_the_deadline_nothing_is_limited(limited: Engine) -> None:
    set_limit(limited, 1, 2)
    tell(limited, BEGIN_NS + SECOND_NS, video=1)
    rate, dropped = offered(limited, {1001: 6.0}, 3)[1001]
    assert dropped == pytest.approx(4e6 / 8 / LENGTH, rel=0.2)
    tell(limited, 1, video=1)
    limited.clear()
    assert offered(limited, {1001: 6.0}, 3)[1001] == (pytest.approx(6, rel=0.01), 0)


def test_a_full_flow_table_lets_packets_pass_and_counts_them(limited: Engine) -> None:
    """Four records; the fifth flow has none, so that nothing is known of what it had."""
    set_limit(limited, 1, 2)
    tell(limited, video=1)
    flows = dict.fromkeys(range(1001, 1006), 6.0)
    found = offered(limited, flows, 1)
    rates = sorted(rate for rate, _ in found.values())
    assert rates[:4] == [pytest.approx(2, rel=0.15)] * 4
    assert rates[4] == pytest.approx(6, rel=0.01)
    overflow = limited.outcomes(TX)["overflow"]
    assert overflow[0] == int(6e6 / 8 / LENGTH)


def test_a_limit_without_a_rate_is_none(limited: Engine) -> None:
    tell(limited, **dict.fromkeys(("unknown", "voice", "video"), CLASSES))
    assert offered(limited, {1001: 6.0}, 1)[1001][1] == 0
