"""Slots are few: who gets one, who loses it, and what stays."""

from __future__ import annotations

import numpy as np

from agent.sketch.endpoint import EndpointSketches
from agent.sketch.registry import OTHER, Registry
from wire.schema import ENDPOINT


def admit(registry, *names, sends=True, sizes=None):
    sizes = np.array(sizes if sizes else [1] * len(names))
    slots = registry.admit(list(names), np.full(len(names), sends), sizes)
    return [registry.ids[slot] for slot in slots]


def interval(registry, seen=None, **counts):
    """End an interval in which every active endpoint did the same."""
    totals = np.zeros(registry.max_endpoints + 1, ENDPOINT)
    for name, value in {"last_seen": seen or 1, "first_seen": seen or 1, **counts}.items():
        totals[name] = value
    active = np.flatnonzero(registry.active).tolist()
    made = {slot: EndpointSketches() for slot in active}
    for slot in made:
        made[slot].unique_peers.update([f"peer of {registry.ids[slot]}"])
    registry.absorb(totals, made)


def test_the_known_keep_their_slots():
    registry = Registry(2)
    assert admit(registry, "a", "b") == ["a", "b"]
    assert admit(registry, "b", "a") == ["b", "a"]
    assert admit(registry, "c") == ["other"]
    assert (registry.count, registry.evicted, registry.refused) == (2, 0, 1)


def test_the_longest_unseen_goes_first():
    registry = Registry(3)
    for seen, name in enumerate(("a", "b", "c")):
        admit(registry, name)
        interval(registry, seen=seen + 1)
    admit(registry, "a")
    interval(registry, seen=9)
    assert admit(registry, "d", "e") == ["d", "e"]
    assert sorted(registry.ids[1:]) == ["a", "d", "e"]
    assert registry.evicted == 2


def test_a_scan_evicts_nobody():
    registry = Registry(2)
    admit(registry, "a", "b")
    interval(registry)
    assert admit(registry, "x", "y", sends=False) == ["other", "other"]
    assert registry.evicted == 0
    assert admit(registry, "x") == ["x"]


def test_among_newcomers_senders_and_then_the_larger_come_first():
    registry = Registry(2)
    slots = registry.admit(
        ["phantom", "small", "large", "middle"],
        np.array([False, True, True, True]),
        np.array([100, 1, 9, 5]),
    )
    assert [registry.ids[slot] for slot in slots] == ["other", "other", "large", "middle"]


def test_two_addresses_of_one_id_share_a_slot():
    registry = Registry(5)
    slots = registry.admit(["mac", "mac"], np.array([True, True]), np.array([1, 1]))
    assert slots[0] == slots[1] != OTHER


def test_what_the_evicted_did_is_kept_under_other():
    registry = Registry(1)
    admit(registry, "a")
    interval(registry, seen=5, bytes_in=100)
    admit(registry, "b")
    interval(registry, seen=6, bytes_in=1)
    kept = registry.endpoints()
    found = dict(zip(kept.ids, kept.totals["bytes_in"].tolist(), strict=True))
    assert found == {"other": 100, "b": 1}


def test_totals_merge_by_their_meaning():
    registry = Registry(1)
    for seen, hours in ((7, 1), (5, 4), (6, 1)):
        admit(registry, "a")
        interval(registry, seen=seen, active_hours=hours, version=seen, flow_count=2)
    row = registry.totals[1]
    assert (row["first_seen"], row["last_seen"], row["version"]) == (5, 7, 7)
    assert (row["active_hours"], row["flow_count"]) == (5, 6)


def test_endpoints_come_back_the_last_seen_first():
    registry = Registry(4)
    for seen, name in enumerate(("a", "b", "c")):
        admit(registry, name)
        interval(registry, seen=seen + 1, bytes_out=10)
    same, smaller = Registry(4), Registry(1)
    same.restore(registry.endpoints())
    assert sorted(same.endpoints().ids) == ["a", "b", "c"]
    assert not same.active.any()
    smaller.restore(registry.endpoints())
    kept = smaller.endpoints()
    found = dict(zip(kept.ids, kept.totals["bytes_out"].tolist(), strict=True))
    assert found == {"other": 20, "c": 10}
    assert smaller.refused == 0
