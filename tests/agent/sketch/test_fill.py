"""Samples are rounded as stated, and each goes to its owner."""

from __future__ import annotations

import numpy as np
import pytest

from agent.sketch import fill
from agent.sketch.flowtable import FlowTable
from tests.agent.sketch.deltas import SECOND_NS, START_NS, delta, rows
from wire.sketches import Quantiles


@pytest.mark.parametrize(("bits", "error"), [(16, 2**-8), (20, 2**-4)])
def test_rounding_keeps_its_error_and_small_integers(bits, error):
    values = np.random.default_rng(1).lognormal(3, 4, 10_000).astype(np.float32)
    rounded = fill._rounded(values, bits)
    assert (np.abs(rounded / values - 1) <= error).all()
    assert fill._rounded(np.arange(16), bits).tolist() == list(range(16))
    assert not (rounded.view(np.uint32) & ((1 << bits) - 1)).any()


def test_runs_cut_a_sorted_column():
    owners = np.array([0, 0, 3, 7, 7, 7])
    found = [(owner, part.start, part.stop) for owner, part in fill._runs(owners)]
    assert found == [(0, 0, 2), (3, 2, 3), (7, 3, 6)]
    assert list(fill._runs(owners[:0])) == []


def test_samples_of_a_flow():
    table = FlowTable()
    table.add(
        rows(
            delta(
                "10.0.0.2", "192.0.2.1", sent=4000, received=0, rtt_ns=5_000_000, ending=2,
                first_ns=START_NS - SECOND_NS, last_ns=START_NS + 4 * SECOND_NS,
            ),
            delta("10.0.0.2", "192.0.2.1", sport=1, sent=0, received=0, last_ns=0),
        )
    )  # fmt: skip
    order = np.argsort(-table.column("source_port").astype(int))  # 50000, then 1
    found = {name: values[order] for name, values in fill._samples(table, START_NS).items()}
    assert found["packet_length"][0].tolist()[0] == 100
    assert np.isnan(found["packet_length"].ravel()[1:]).all()
    assert found["flow_duration"][0] == 5
    assert found["rtt"][0] == 0.005
    assert found["throughput"][0] == 4000 * 8 / 4  # of the interval's part
    for name in ("flow_duration", "rtt", "throughput"):
        assert np.isnan(found[name][1])


def test_throughput_of_all_is_that_of_the_classes():
    voice, web = Quantiles(), Quantiles()
    voice.update(np.array([1.0, 2.0]))
    web.update(np.array([8.0]))
    images = fill.overall_images({"throughput.voice": voice, "throughput.web": web})
    joined = Quantiles.from_bytes(images["throughput"])
    assert (joined.count, joined.quantiles([1.0])) == (3, [8.0])
    assert fill.overall_images({"rtt": web}) == {"rtt": web.to_bytes()}
