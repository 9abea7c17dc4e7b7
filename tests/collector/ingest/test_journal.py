"""The journal: what was synced is read back, what was torn never was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from collector.ingest.journal import HEAD, Journal, JournalError, frames_of
from collector.records import Position

START = Position(0, 0)


def read(folder: Path, applied: Position = START) -> list[bytes]:
    return [entry for _, entry in Journal(folder, applied).replay(applied)]


def test_entries_come_back_in_order_behind_the_applied_place(tmp_path: Path):
    journal = Journal(tmp_path, START)
    first = journal.append([b"a", b"bb"])
    second = journal.append([b"ccc"])
    journal.close()
    assert read(tmp_path) == [b"a", b"bb", b"ccc"]
    assert read(tmp_path, first[0]) == [b"bb", b"ccc"]
    assert read(tmp_path, second[0]) == []


@given(cut=st.integers(0, 60))
def test_a_torn_end_is_not_there(tmp_path_factory: pytest.TempPathFactory, cut: int):
    folder = tmp_path_factory.mktemp("j")
    journal = Journal(folder, START)
    positions = journal.append([b"x" * 10, b"y" * 10, b"z" * 10])
    journal.close()
    with journal.path(1).open("r+b") as file:
        file.truncate(max(0, 54 - cut))
    whole = sum(position.offset <= 54 - cut for position in positions)
    assert read(folder) == [b"x" * 10, b"y" * 10, b"z" * 10][:whole]


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_none(data: bytes):
    for end, entry in frames_of(data, 0):
        assert end <= len(data)
        assert data[end - len(entry) : end] == entry
    assert HEAD.size == 8


def test_segments_go_when_they_are_applied(tmp_path: Path):
    journal = Journal(tmp_path, START)
    (last,) = journal.append([b"a"])
    journal.release(last)
    assert journal.segments() == [1]  # Still being written.
    journal.close()
    again = Journal(tmp_path, last)
    again.append([b"b"])
    again.release(last)
    assert again.segments() == [2]
    again.close()


def test_a_new_life_never_writes_before_the_applied_place(tmp_path: Path):
    journal = Journal(tmp_path, Position(7, 100))
    (position,) = journal.append([b"a"])
    assert position > Position(7, 100)
    journal.close()


def test_a_group_that_fails_is_never_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    journal = Journal(tmp_path, START)
    journal.append([b"good"])
    calls: list[int] = []
    sync = os.fdatasync

    def fail_once(file: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        sync(file)

    monkeypatch.setattr(os, "fdatasync", fail_once)
    with pytest.raises(JournalError, match="No space left"):
        journal.append([b"lost"])
    journal.append([b"next"])
    journal.close()
    assert read(tmp_path) == [b"good", b"next"]


def test_zeros_are_no_entries(tmp_path: Path):
    """A file may have grown before its data came: after a crash its end is zeros."""
    journal = Journal(tmp_path, START)
    journal.append([b"a"])
    journal.close()
    with journal.path(1).open("r+b") as file:
        file.truncate(4096)
    assert read(tmp_path) == [b"a"]


def test_a_segment_that_cannot_be_begun_leaves_no_file_that_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("collector.ingest.journal.SEGMENT_BYTES", 10)
    journal = Journal(tmp_path, START)
    journal.append([b"x" * 100])

    def fail(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("collector.ingest.journal.sync_folder", fail)
        with pytest.raises(JournalError, match="No space left"):
            journal.append([b"lost"])
    assert [journal.path(one).stat().st_size for one in journal.segments()] == [108, 0]
    journal.append([b"next"])
    journal.close()
    assert read(tmp_path) == [b"x" * 100, b"next"]


def test_one_entry_is_read_again_by_its_place(tmp_path: Path):
    journal = Journal(tmp_path, START)
    first, second = journal.append([b"a", b"bb"])
    assert journal.read(first, 1) == b"a"
    assert journal.read(second, 2) == b"bb"
    with pytest.raises(JournalError, match="damaged"):
        journal.read(second, 1)
    with pytest.raises(JournalError, match="No such file"):
        journal.read(Position(7, 10), 1)
    journal.close()


def test_a_trial_leaves_nothing_and_tells_of_a_folder_that_is_gone(tmp_path: Path):
    folder = tmp_path / "journal"
    journal = Journal(folder, START)
    journal.probe()
    assert list(folder.iterdir()) == []
    folder.rmdir()
    with pytest.raises(JournalError, match="No such file"):
        journal.probe()
