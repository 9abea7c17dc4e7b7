"""No image, however forged, makes the library read outside of it."""

from __future__ import annotations

import random

import datasketches
import numpy as np
import pytest

from tests.support.campaigns import count
from wire import images, sketches
from wire.errors import Malformed
from wire.sketches import Distinct, Frequency, Frequent, Quantiles


def distinct(size):
    made = Distinct()
    made.update(f"10.0.{n >> 8}.{n & 255}" for n in range(size))
    return made.to_bytes()


def frequency(size):
    made = Frequency()
    made.update((f"tcp/{n}", n + 1) for n in range(size))
    return made.to_bytes()


def frequent(size):
    made = Frequent(5)
    made.update((f"tcp/{n}", n + 1) for n in range(size))
    return made.to_bytes()


def quantiles(size):
    made = Quantiles(32)
    made.update(np.arange(size))
    return made.to_bytes()


KINDS = [
    (distinct, Distinct, (1, 7, 8, 9, 96, 97, 5000)),
    (frequency, Frequency, (1, 50)),
    (frequent, Frequent, (1, 24, 25, 500)),
    (quantiles, Quantiles, (1, 2, 32, 33, 100, 5000)),
]


@pytest.mark.parametrize(("make", "kind", "sizes"), KINDS)
def test_genuine_images_are_read_and_their_truncations_are_not(make, kind, sizes):
    for size in sizes:
        image = make(size)
        again = kind.from_bytes(image).to_bytes()
        assert sorted(again) == sorted(image)  # hash tables may turn their items round
        for end in range(1, len(image), 1 + len(image) // 60):
            with pytest.raises(Malformed):
                kind.from_bytes(image[:end])
        with pytest.raises(Malformed):
            kind.from_bytes(image + b"\0\0\0\0")


@pytest.mark.parametrize("k", [8, 20, 32, 64, 128, 200, 500])
@pytest.mark.parametrize("size", [1, 2, 40, 1000, 100_000])
def test_kll_images_of_every_depth_are_genuine(k, size):
    made = Quantiles(k)
    made.update(np.arange(size))
    images.check_kll(made.to_bytes())


@pytest.mark.campaign
@pytest.mark.parametrize(("make", "kind", "sizes"), KINDS)
def test_mutated_images_are_read_or_malformed(make, kind, sizes):
    """Invariant: an image that is read can be merged and written; the rest is Malformed."""
    source = random.Random(11)
    genuine = [make(size) for size in sizes]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(count(3_000, 300_000)):
        mutant = bytearray(source.choice(genuine))
        for _ in range(source.choice((1, 1, 2, 5))):
            place = source.randrange(min(len(mutant), source.choice((8, 16, 32, 48, 4000))))
            mutant[place] = source.choice((0, 1, 128, 255, source.randrange(256)))
        try:
            read = kind.from_bytes(bytes(mutant))
            outcomes["read"] += 1
        except Malformed:
            outcomes["refused"] += 1
            continue
        total = kind()
        total.merge(read)
        total.merge(read)
        total.to_bytes()
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize(
    ("check", "image", "place", "value"),
    [
        (images.check_hll, distinct(3), 3, 9),
        (images.check_hll, distinct(3), 7, 0),
        (images.check_hll, distinct(3), 11, 0),
        (images.check_hll, distinct(3), 5, 0),
        (images.check_hll, distinct(50), 8, 49),
        (images.check_hll, distinct(50), 10, 1),
        (images.check_hll, distinct(5000), 50, 64),
        (images.check_hll, distinct(5000), 36, 1),
        (images.check_hll, distinct(5000), 15, 0x7F),
        (images.check_frequent, frequent(3), 4, 6),
        (images.check_frequent, frequent(3), 8, 0),
        (images.check_frequent, frequent(3), 16, 1),
        (images.check_frequent, frequent(3), 24, 99),
        (images.check_frequent, frequent(3), 60, 255),
        (images.check_frequent, frequent(3), 56, 9),
        (images.check_kll, quantiles(100), 4, 7),
        (images.check_kll, quantiles(100), 8, 99),
        (images.check_kll, quantiles(100), 18, 61),
        (images.check_kll, quantiles(100), 20, 255),
        (images.check_kll, quantiles(1), 11, 0xFF),
    ],
)
def test_each_field_is_checked(check, image, place, value):
    mutant = bytearray(image)
    mutant[place] = value
    if (check, place) in ((images.check_kll, 11), (images.check_hll, 15)):
        mutant[place - 1] = 0x80 if check is images.check_kll else 0xF0
    with pytest.raises(Malformed):
        check(bytes(mutant))


def test_frequent_items_that_are_empty_say_so():
    with pytest.raises(Malformed, match="empty"):
        images.check_frequent(bytes([1, 1, 10, 3, 3, 0, 0, 0]))
    images.check_frequent(bytes([1, 1, 10, 3, 3, 4, 0, 0]))


def test_what_the_library_refuses_is_malformed():
    with pytest.raises(Malformed, match="kll_floats_sketch"):
        sketches._read(datasketches.kll_floats_sketch, bytes(8))


@pytest.mark.parametrize(("hashes", "buckets"), [(4, 64), (3, 128)])
def test_count_min_has_one_shape(hashes, buckets):
    images.check_count_min(frequency(5), 3, 64)
    with pytest.raises(Malformed, match="shape"):
        images.check_count_min(frequency(5), hashes, buckets)
    negative = bytearray(frequency(5))
    negative[23] = 0xBF
    with pytest.raises(Malformed, match="range"):
        images.check_count_min(bytes(negative), 3, 64)
