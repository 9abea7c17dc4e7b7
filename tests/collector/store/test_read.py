"""Which sketches are merged together, and what is derived from the sums."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, strategies as st

from collector.store import read
from collector.store.merge import Merged, quantiles
from wire.sketches import Distinct


@given(st.lists(st.integers(1, 90_000), max_size=40))
def test_portions_take_every_endpoint_once_within_the_bounds(counts: list[int]):
    asked = {str(place): count for place, count in enumerate(counts)}
    found = list(read.portions(asked))
    names = [name for portion, _ in found for name in portion]
    assert names == list(asked)[: len(names)]
    assert sum(most for _, most in found) == min(sum(counts), read.IMAGES_MAX)
    for portion, most in found:
        assert most <= max(read.PORTION_MAX, asked[portion[0]])


@pytest.mark.parametrize(
    ("hours", "business"),
    [([], False), ([9, 10], True), ([7], False), (list(range(8, 18)), True),
     ([8, 9, 10, 11, 20], False), ([8, 9, 10, 11, 12, 20], True)],
)  # fmt: skip
def test_business_hours(hours: list[int], business: bool):
    assert read.is_business(sum(1 << hour for hour in hours)) is business


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
