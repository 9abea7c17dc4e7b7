"""A file's bytes as they come: plain, compressed, damaged, and how far it is."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from lab.extract import source
from lab.extract.source import Source, Unreadable

DATA = bytes(range(256)) * 5000


def everything(path: Path, drop: int = 1 << 30) -> bytes:
    found = b""
    with Source(path) as one:
        while one.fill():
            taken = one.window()[:drop].tobytes()
            found += taken
            one.drop(len(taken))
        return found + one.window().tobytes()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes, "gzip": gzip.compress, "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "two gzip members": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    "two zstd frames": lambda data: (
        zstandard.compress(data[:9]) + zstandard.compress(data[9:])
    ),
}  # fmt: skip


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("data", [DATA, b"a", DATA[:7]])
def test_what_went_in_comes_out(tmp_path: Path, coding: str, data: bytes):
    path = tmp_path / "a"
    path.write_bytes(CODINGS[coding](data))
    assert everything(path) == data


@pytest.mark.parametrize("coding", ["plain", "gzip"])
def test_what_is_not_dropped_stays_in_the_window(tmp_path: Path, coding: str):
    path = tmp_path / "a"
    path.write_bytes(CODINGS[coding](DATA))
    assert everything(path, drop=100_000) == DATA
    with Source(path) as one:
        while one.fill():
            pass
        assert one.window().tobytes() == DATA


def test_the_position_is_that_of_the_file(tmp_path: Path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA))
    with Source(path) as one:
        assert (one.position, one.size) == (0, path.stat().st_size)
        while one.fill():
            one.drop(len(one.window()))
        assert one.position == one.size < len(DATA)


def test_an_empty_file(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"")
    assert everything(tmp_path / "a") == b""


@pytest.mark.parametrize("coding", ["gzip", "xz"])
def test_damage_is_a_reason(tmp_path: Path, coding: str):
    path = tmp_path / "a"
    path.write_bytes(CODINGS[coding](DATA)[:-20])
    with pytest.raises(Unreadable, match="damaged compression"):
        everything(path)


def test_what_is_not_there_is_a_reason(tmp_path: Path):
    with pytest.raises(Unreadable, match="No such file"):
        Source(tmp_path / "none")
    with pytest.raises(Unreadable, match="Is a directory"):
        Source(tmp_path)


def test_the_window_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(source, "LONGEST_BYTES", source.BUFFER_BYTES)
    (tmp_path / "a").write_bytes(bytes(source.BUFFER_BYTES + 1))
    with Source(tmp_path / "a") as one:
        while len(one.window()) < source.BUFFER_BYTES:
            assert one.fill()
        with pytest.raises(Unreadable, match="longer than any"):
            one.fill()
