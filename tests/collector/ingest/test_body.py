"""A body is decompressed within its bound, or refused with the right status."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given, strategies as st

from collector.ingest.body import ENCODINGS, inflate
from collector.records import Refused
from wire import frame


@given(st.binary(max_size=2000), st.sampled_from(ENCODINGS))
def test_what_goes_in_comes_out(data: bytes, encoding: str):
    assert inflate(frame.compress(data, encoding), encoding, 2000) == data


@given(st.binary(max_size=300), st.sampled_from(("gzip", "zstd")))
def test_junk_is_refused_not_raised(data: bytes, encoding: str):
    """Any bytes at all: either a body within the bound, or Refused."""
    try:
        found: bytes | int = inflate(data, encoding, 1000)
    except Refused as refusal:
        found = refusal.status
    assert found in (400, 413) if isinstance(found, int) else len(found) <= 1000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_byte_over_the_bound_is_too_large(encoding: str):
    data = bytes(100_001)
    with pytest.raises(Refused) as refusal:
        inflate(frame.compress(data, encoding), encoding, 100_000)
    assert refusal.value.status == 413


def test_a_stream_without_its_size_is_bounded_too():
    packer = zstandard.ZstdCompressor().compressobj()
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    assert len(bomb) < 20_000
    with pytest.raises(Refused) as refusal:
        inflate(bomb, "zstd", 1 << 20)
    assert refusal.value.status == 413


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (gzip.compress(b"a", mtime=0) + b"x", "gzip", 400),
        (gzip.compress(b"a" * 100, mtime=0)[:-9], "gzip", 400),
        (b"", "gzip", 400),
        (b"a", "br", 415),
        (b"a", "", 415),
    ],
)
def test_streams_that_are_not_one_whole_body(data: bytes, encoding: str, status: int):
    with pytest.raises(Refused) as refusal:
        inflate(data, encoding, 1000)
    assert refusal.value.status == status
