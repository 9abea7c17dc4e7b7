"""Which sketches are merged together, and what is derived from the sums."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, strategies as st

from collector.store import read
from tests.collector.support import Server, batch


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


def test_damaged_images_are_left_out_of_answers(shared: Server):
    one = batch(1, agent="damaged")
    images = {**one.endpoints.sketches, "top_peers": (b"\x04\x01\x0a\xff" * 9,) * 3}
    ends = dataclasses.replace(one.endpoints, sketches=images)
    assert shared.post(dataclasses.replace(one, endpoints=ends)).status == 200
    shared.settled()
    found = shared.get("/api/endpoints?agents=damaged").json["endpoints"]
    assert (len(found), found[0]["top_peers"]) == (3, [])
