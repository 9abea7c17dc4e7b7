"""What was packed comes out again; what was tampered with does not, nor too much of it."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given, strategies as st

from tests.wire import samples
from wire import frame
from wire.batch import encode
from wire.errors import Malformed


@pytest.mark.parametrize("coding", frame.CODINGS)
@given(data=st.binary(max_size=2000))
def test_every_coding_comes_back(coding, data):
    assert frame.decompress(frame.compress(data, coding), coding) == data


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
def test_streams_without_a_declared_size_are_read(coding):
    data = encode(samples.batch())
    streamed = (
        zstandard.ZstdCompressor(write_content_size=False).compress(data)
        if coding == "zstd"
        else frame.compress(data, "gzip")
    )
    assert frame.decompress(streamed, coding) == data


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
def test_cut_or_followed_streams_are_malformed(coding):
    packed = frame.compress(encode(samples.batch()), coding)
    for end in range(0, len(packed), 11):
        with pytest.raises(Malformed):
            frame.decompress(packed[:end], coding)
    for tail in (b"x", packed):
        with pytest.raises(Malformed):
            frame.decompress(packed + tail, coding)


@pytest.mark.parametrize(
    "bomb",
    [
        ("zstd", zstandard.ZstdCompressor(level=19).compress(bytes(200 << 20))),
        (
            "zstd",
            zstandard.ZstdCompressor(level=19, write_content_size=False).compress(
                bytes(200 << 20)
            ),
        ),
        ("gzip", zlib.compressobj(9, zlib.DEFLATED, 31)),
        ("identity", bytes(2 << 20)),
    ],
    ids=["zstd", "zstd-size-unsaid", "gzip", "identity"],
)
def test_bombs_are_refused_in_little_memory(bomb):
    coding, packed = bomb
    if coding == "gzip":
        packed = packed.compress(bytes(200 << 20)) + packed.flush()
    tracemalloc.start()
    with pytest.raises(Malformed, match="more than 1048576"):
        frame.decompress(packed, coding, 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 24 << 20
    tracemalloc.stop()


def test_a_giant_window_is_refused():
    parameters = zstandard.ZstdCompressionParameters(
        window_log=27, write_content_size=False
    )
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"a" * 1000) + packer.flush()
    with pytest.raises(Malformed, match="zstd"):
        frame.decompress(packed)


def test_unknown_codings_are_refused():
    with pytest.raises(Malformed, match="br"):
        frame.decompress(b"", "br")
    with pytest.raises(ValueError, match="br"):
        frame.compress(b"", "br")


def test_mutations_are_read_or_malformed():
    source = random.Random(3)
    for coding in ("zstd", "gzip"):
        packed = frame.compress(encode(samples.batch()), coding)
        for _ in range(2000):
            mutant = bytearray(packed)
            mutant[source.randrange(len(mutant))] ^= 1 << source.randrange(8)
            try:
                frame.decompress(bytes(mutant), coding)
            except Malformed:
                continue


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_frames_follow_each_other(contents):
    data, offset, found = b"".join(map(frame.frame, contents)), 0, []
    while taken := frame.unframe(data, offset):
        content, offset = taken
        found.append(content)
    assert (found, offset) == (contents, len(data))


def test_a_frame_is_whole_or_awaited_or_malformed():
    data = frame.frame(b"content")
    assert data == b"WEIR" + (7).to_bytes(4, "little") + (
        zlib.crc32(b"content").to_bytes(4, "little") + b"content"
    )
    for end in range(len(data)):
        assert frame.unframe(data[:end]) is None
    for place in range(len(data)):
        mutant = bytearray(data)
        mutant[place] ^= 0x80
        if 4 <= place < 7:
            assert frame.unframe(bytes(mutant)) is None
            continue
        with pytest.raises(Malformed):
            frame.unframe(bytes(mutant))


def test_a_frame_holds_no_more_than_its_limit(monkeypatch):
    monkeypatch.setattr(frame, "MAX_PACKED", 3)
    with pytest.raises(ValueError, match="more than a frame"):
        frame.frame(b"1234")
