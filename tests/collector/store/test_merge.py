"""Sketches of one endpoint merged into one."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from collector.records import Refused
from collector.store.merge import NO_ESTIMATES, TOP_MAX, Merged, distinct, quantiles
from wire.sketches import MERGED_LG_SIZE, Distinct, Frequent, Quantiles


def test_estimates_without_sketches_are_a_lower_bound():
    merged = Merged()
    for peers in (3.0, 9.0, 5.0):
        merged.add(b"", {"unique_peers": peers, "unique_ports": 0, "unique_services": 0})
    assert merged.estimates()["unique_peers"] == 9.0
    assert merged.count == 3


def test_damaged_images_are_counted_and_left_out():
    one = Distinct()
    one.update(["a", "b"])
    merged = Merged()
    merged.add(msgpack.packb({"unique_peers": one.to_bytes(), "top_ports": b"junk"}), {})
    assert merged.estimates()["unique_peers"] == pytest.approx(2)
    assert merged.damaged == 1
    assert quantiles([b"junk", b"more junk"]) is None


def test_nothing_merged_is_nothing_estimated():
    merged = Merged()
    assert merged.estimates() == NO_ESTIMATES
    assert merged.distributions() == {}
    assert (merged.count, merged.damaged) == (0, 0)
    assert quantiles([]) is None
    assert distinct(b"") == 0.0


def test_a_union_counts_what_both_saw_once():
    parts = []
    for names in (["a", "b", "c"], ["b", "c", "d"]):
        one = Distinct()
        one.update(names)
        parts.append(msgpack.packb({"unique_peers": one.to_bytes(), "new": b"unknown"}))
    merged = Merged()
    for part in parts:
        merged.add(part, {})
    assert merged.estimates()["unique_peers"] == pytest.approx(4, abs=0.1)
    assert (merged.count, merged.damaged) == (2, 0)


def test_the_heaviest_items_come_first_and_not_all():
    sketch = Frequent(MERGED_LG_SIZE)
    sketch.update([(f"h{number}", 100 - number) for number in range(TOP_MAX + 10)])
    merged = Merged()
    for _ in range(2):
        merged.add(msgpack.packb({"top_peers": sketch.to_bytes()}), {})
    found = merged.estimates()["top_peers"]
    assert len(found) == TOP_MAX
    assert (found[0]["item"], found[0]["estimate"]) == ("h0", 200)
    assert found[0]["at_least"] <= 200 <= found[0]["at_most"]


def test_distributions_of_all_images_together():
    images = []
    for values in ([1.0], [2.0, 3.0], []):
        one = Quantiles()
        one.update(np.array(values))
        images.append(one.to_bytes())
    found = quantiles([*images, b"junk"])
    assert found is not None
    assert (found["count"], found["values"][0], found["values"][-1]) == (3, 1.0, 3.0)
    empty = quantiles(images[2:])
    assert empty is not None
    assert (empty["count"], empty["ranks"], empty["values"]) == (0, [], [])


def test_an_image_that_is_none_is_refused():
    with pytest.raises(Refused) as refusal:
        distinct(b"junk")
    assert refusal.value.status == 400
