from __future__ import annotations

import os

import pytest
from hypothesis import given, strategies as st

from agent.ship.parcel import write
from agent.ship.segment import Segments, scan
from tests.agent.ship.support import parcel

BODIES = st.lists(st.binary(max_size=40), min_size=1, max_size=4)


def image(bodies: list[bytes]) -> tuple[bytes, list[int]]:
    frames = [write(parcel(n, body)) for n, body in enumerate(bodies, 1)]
    ends = [sum(map(len, frames[: n + 1])) for n in range(len(frames))]
    return b"".join(frames), ends


def test_cut_at_any_byte_the_whole_parcels_before_it_are_found():
    data, ends = image([b"", b"WEIR", b"x" * 30])
    for cut in range(len(data) + 1):
        found = [place.sequence for place in scan(data[:cut], 1)]
        assert found == [n for n, end in enumerate(ends, 1) if end <= cut]


@given(BODIES, st.data())
def test_a_damaged_byte_costs_its_own_parcel_only(bodies, data):
    whole, ends = image(bodies)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n, end in enumerate(ends, 1) if at < end)
    found = [place.sequence for place in scan(bytes(damaged), 1)]
    assert found == [n for n in range(1, len(bodies) + 1) if n != hit]


@given(BODIES, st.binary(max_size=60))
def test_parcels_behind_foreign_bytes_are_found(bodies, foreign):
    whole, ends = image(bodies)
    found = list(scan(foreign + whole, 4))
    assert [place.sequence for place in found] == list(range(1, len(bodies) + 1))
    assert [place.end for place in found] == [(4, len(foreign) + end) for end in ends]


@given(st.binary(max_size=200))
def test_any_bytes_can_be_scanned(data):
    assert all(place.end[1] <= len(data) for place in scan(data, 1))


def test_a_segment_of_an_earlier_process_is_never_written_to(tmp_path):
    first = Segments(tmp_path, 1000)
    first.write(parcel(1), write(parcel(1)), 0)
    second = Segments(tmp_path, 1000)
    assert [place.sequence for place in second.open()[0]] == [1]
    assert second.write(parcel(2), write(parcel(2)), 7).segment == 8
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_segment_is_followed_by_another(tmp_path):
    segments = Segments(tmp_path, 100)
    places = [segments.write(parcel(n), write(parcel(n)), 0) for n in range(1, 5)]
    assert [place.segment for place in places] == [1, 1, 2, 2]
    segments.remove_before(2)
    assert [path.name for path in tmp_path.iterdir()] == ["0000000000000002.segment"]


def test_a_torn_tail_is_cut_off(tmp_path):
    segments = Segments(tmp_path, 1000)
    place = segments.write(parcel(1), write(parcel(1)), 0)
    path = tmp_path / "0000000000000001.segment"
    path.write_bytes(path.read_bytes() + write(parcel(2))[:-1])
    found, damaged_bytes = Segments(tmp_path, 1000).open()
    assert found == [place]
    assert damaged_bytes == len(write(parcel(2))) - 1
    assert path.stat().st_size == place.end[1]


def test_a_write_that_fails_half_way_leaves_no_trace(tmp_path, monkeypatch):
    segments = Segments(tmp_path, 1000)
    place = segments.write(parcel(1), write(parcel(1)), 0)
    pwrite = os.pwrite

    def half(descriptor, data, offset):
        if len(data) < 30:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, data[:20], offset)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(OSError, match="No space left"):
        segments.write(parcel(2), write(parcel(2)), 0)
    monkeypatch.undo()
    again = Segments(tmp_path, 1000)
    assert again.open() == ([place], 0)
    assert segments.write(parcel(2), write(parcel(2)), 0).start == (2, 0)
