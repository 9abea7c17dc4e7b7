"""Bytes, errors and memory stay within their bounds, whatever has room."""

from __future__ import annotations

import gc
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.records import FLOW_DELTA
from agent.sketch import flowtable
from agent.sketch.store import Settings, Store
from tests.agent.sketch.deltas import LINK, ORIGIN, START_NS, delta, rows
from tests.agent.sketch.stores import END_NS, REPORT, fed, row_of, sealed
from wire.sketches import Distinct, Frequent

NAMES = st.sampled_from(
    [*(f"10.0.0.{n}" for n in range(8)), "192.0.2.1", "0.0.0.0", "ff02::1"]
)


FLOWS = st.lists(
    st.tuples(NAMES, NAMES, st.integers(0, 2**40), st.integers(0, 2**40)), max_size=12
)


@given(st.lists(FLOWS, max_size=4), st.integers(0, 4), st.integers(4, 64))
def test_no_byte_is_lost_whatever_has_room(walks, max_endpoints, max_rows):
    """Sum over endpoints equals the sum over the flows' ends that are endpoints."""
    store, expected, ends, number = (
        Store(Settings(max_endpoints=max_endpoints), START_NS), Counter(), 0, 0,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flowtable, "MAX_ROWS", max(max_rows, 12))
        for walk in walks:
            deltas = []
            for source, destination, sent, received in walk:
                number += 1
                deltas.append(
                    delta(source, destination, sent=sent, received=received, id=number)
                )
                sides = [name.startswith("10.") for name in (source, destination)]
                if not any(sides):
                    real = [name == "192.0.2.1" for name in (source, destination)]
                    sides = real if any(real) else [True, False]
                for out, into, side in (
                    (sent, received, sides[0]), (received, sent, sides[1]),
                ):  # fmt: skip
                    expected["bytes_out"] += out * side
                    expected["bytes_in"] += into * side
                    ends += side
            store.feed(rows(*deltas), (LINK,), END_NS)
        batch = sealed(store)
    totals = batch.endpoints.totals
    for name in ("bytes_out", "bytes_in"):
        assert int(totals[name].sum()) == expected[name]
    assert int(totals["class_bytes"].sum()) == expected["bytes_out"] + expected["bytes_in"]
    assert int(totals["flow_count"].sum()) == ends
    assert len(batch.endpoints.ids) <= max_endpoints + 1


def test_a_full_table_folds_and_changes_no_number(monkeypatch):
    source = random.Random(4)
    walks = [
        rows(
            *(
                delta(
                    f"10.0.0.{n % 7}",
                    f"192.0.2.{n % 5}",
                    id=n + 1,
                    sent=source.getrandbits(9),
                )
                for n in range(start, start + 40)
            )
        )
        for start in (0, 20, 60, 0)
    ]
    roomy, tight = Store(Settings(), START_NS), Store(Settings(), START_NS)
    for walk in walks:
        roomy.feed(walk, (LINK,), END_NS)
    monkeypatch.setattr(flowtable, "MAX_ROWS", 45)
    for walk in walks:
        tight.feed(walk, (LINK,), END_NS)
    assert tight.folds == 3
    assert roomy.folds == 0
    whole, pieces = sealed(roomy), sealed(tight)
    assert sorted(whole.endpoints.ids) == sorted(pieces.endpoints.ids)
    for name in whole.endpoints.ids:
        (expected, images), (found, parts) = row_of(whole, name), row_of(pieces, name)
        assert found == expected
        for key in ("port_frequency", "service_frequency"):
            assert images[key] == parts[key]
        for key in ("unique_peers", "unique_ports", "unique_services"):
            assert sorted(images[key]) == sorted(parts[key])
        assert Frequent.from_bytes(images["top_peers"]).total == (
            Frequent.from_bytes(parts["top_peers"]).total
        )
    assert np.array_equal(
        np.sort(whole.flows["bytes_forward"]), np.sort(pieces.flows["bytes_forward"])
    )


def test_sketches_agree_with_exact_counts_within_their_bounds():
    source, exact = random.Random(9), Counter()
    deltas = []
    for number in range(3000):
        peer = f"192.0.{source.randrange(4)}.{int(source.paretovariate(0.5)) % 256}"
        size = int(source.paretovariate(0.8) * 100) % 10**6
        exact[peer] += size
        deltas.append(
            delta("10.0.0.2", peer, sent=size, received=0, id=number + 1, sport=number)
        )
    _, images = row_of(sealed(fed(*deltas)), "10.0.0.2")
    assert Distinct.from_bytes(images["unique_peers"]).estimate == (
        pytest.approx(len(exact), rel=3 * 0.0325)
    )
    top = Frequent.from_bytes(images["top_peers"])
    assert top.total == sum(exact.values())
    found = top.top(100)
    assert found[0][0] == exact.most_common(1)[0][0]
    for item, _, low, high in found:
        assert low <= exact[item] <= high


def resident_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_500_busy_endpoints_stay_within_their_memory():
    """The documented limit: 24 MiB for 500 endpoints whose sketches are all full."""

    def interval(store, number):
        deltas = np.zeros(500 * 40, FLOW_DELTA)
        deltas["id"] = np.arange(deltas.size) + number * deltas.size
        deltas["source"][:, 10:13] = [255, 255, 10]
        deltas["source"][:, 14:] = np.stack(
            np.divmod(np.arange(deltas.size) % 500, 256), axis=1
        )
        generator = np.random.default_rng(number)
        deltas["destination"] = generator.integers(32, 200, (deltas.size, 16))
        deltas["destination_port"] = generator.integers(1, 65536, deltas.size)
        deltas["bytes"] = deltas["packets"] = generator.integers(1, 10**6, (deltas.size, 2))
        deltas["protocol"], deltas["home"], deltas["new"], deltas["ending"] = (
            6,
            True,
            True,
            1,
        )
        store.feed(deltas, (LINK,), START_NS)
        return store.seal(ORIGIN, START_NS, (REPORT,), {})

    interval(Store(Settings(), START_NS), 0)
    before = resident_bytes()
    store = Store(Settings(), START_NS)
    for number in range(8):
        assert len(interval(store, number).endpoints.ids) == 500
    assert resident_bytes() - before < 24 << 20
