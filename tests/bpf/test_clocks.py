"""Packets whose times cross, as the clocks of two CPUs make them: no time has passed."""

from __future__ import annotations

import pytest

from tests.bpf.engine import Engine, skb_context
from tests.support import frames as build

SECOND_NS = 1_000_000_000
FRAME = build.ethernet(build.ipv4("10.0.0.1", "192.0.2.1", build.udp(7, 8, bytes(100))))[0]


@pytest.mark.parametrize(
    ("at_us", "gaps_us", "bulks", "bulk_us"),
    [
        pytest.param([0, 10, 20, 30, 40], [10, 10, 10, 10], [5], 40, id="in order"),
        pytest.param([0, 10, 9, 30, 40], [10, 0, 20, 10], [5], 40, id="before a bulk"),
        pytest.param([0, 10, 20, 30, 29, 50], [10, 10, 10, 0, 20], [6], 50, id="within"),
        pytest.param([0, 10, 20, 18], [10, 10, 0], [4], 20, id="the last"),
        pytest.param([0, 10, 20, 1_000_030], [10, 10, 1_000_010], [], 0, id="cut by time"),
    ],
)
def test_gaps_and_bulks(clocked: Engine, at_us, gaps_us, bulks, bulk_us) -> None:
    clocked.clear()
    for number in at_us:
        time_ns = SECOND_NS + number * 1000
        clocked.run("weir_egress", FRAME, skb_context(tstamp=time_ns))
    (flow,) = clocked.flows()
    way = flow.forward
    assert int(way["last_ns"] - way["first_ns"]) == sum(gaps_us) * 1000
    assert int(way["gap_min_ns"]) == min(gaps_us) * 1000
    assert int(flow.record["gap_max_ns"]) == max(gaps_us) * 1000
    assert int(way["bulk_count"]) == len(bulks)
    assert int(way["bulk_packets"]) == sum(bulks)
    assert int(way["bulk_bytes"]) == 100 * sum(bulks)
    assert int(way["bulk_duration_ns"]) == bulk_us * 1000
