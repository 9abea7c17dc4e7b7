"""Agents as they last reported."""

from __future__ import annotations

from pathlib import Path

from collector.records import Sighting
from collector.state.control import Control

NOW = 1_795_000_000


def seen(at: int, sequence: int, skew_s: int = 0) -> Sighting:
    ns = at * 10**9
    return Sighting(
        "edge", ns, ns, ns + skew_s * 10**9, "1", "host", bytes(16), sequence, (), {}, 10
    )


def test_an_agents_late_batch_does_not_put_it_back(tmp_path: Path):
    control = Control(tmp_path)
    control.registry.record([seen(NOW, 5), seen(NOW - 60, 4)])
    (row,) = control.registry.list()
    assert (row["sequence"], row["batches"], row["bytes"]) == (5, 2, 20)
    assert row["last_seen_ns"] == NOW * 10**9
    control.close()
