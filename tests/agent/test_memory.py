"""Endpoints across restarts: the old memory or the new, never half of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import memory
from agent.sketch.store import Settings, Store
from tests.agent.sketch.deltas import START_NS, delta
from tests.agent.sketch.stores import fed, sealed


def names(store: Store) -> list[str]:
    return sorted(store.registry.endpoints().ids)


def sealed_store(endpoint: str) -> Store:
    store = fed(delta(endpoint, "192.0.2.1", sent=5))
    sealed(store)
    return store


def test_what_was_saved_is_recalled(tmp_path: Path):
    store = sealed_store("10.0.0.1")
    memory.save(tmp_path, store)
    again = memory.recall(tmp_path, Settings(), START_NS)
    assert names(again) == names(store) == ["10.0.0.1"]
    assert [path.name for path in tmp_path.iterdir()] == [memory.NAME]


def test_the_first_start_remembers_nothing_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    assert names(memory.recall(tmp_path, Settings(), START_NS)) == []
    assert caplog.records == []


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a state" * 99])
def test_what_cannot_be_read_starts_afresh_and_says_so(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
):
    (tmp_path / memory.NAME).write_bytes(data)
    assert names(memory.recall(tmp_path, Settings(), START_NS)) == []
    (record,) = caplog.records
    assert "endpoints start afresh" in record.getMessage()
    assert str(tmp_path / memory.NAME) in record.getMessage()


def test_a_state_that_is_a_folder_is_no_end(tmp_path: Path):
    (tmp_path / memory.NAME).mkdir()
    assert names(memory.recall(tmp_path, Settings(), START_NS)) == []


def test_a_memory_cut_anywhere_is_none(tmp_path: Path):
    memory.save(tmp_path, sealed_store("10.0.0.1"))
    data = (tmp_path / memory.NAME).read_bytes()
    for length in range(0, len(data), max(1, len(data) // 20)):
        (tmp_path / memory.NAME).write_bytes(data[:length])
        assert names(memory.recall(tmp_path, Settings(), START_NS)) == []


def test_a_save_that_fails_leaves_the_old_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    memory.save(tmp_path, sealed_store("10.0.0.1"))
    before = (tmp_path / memory.NAME).read_bytes()
    (tmp_path / memory.NAME).with_suffix(".new").symlink_to("/dev/full")
    memory.save(tmp_path, sealed_store("10.0.0.2"))
    assert (tmp_path / memory.NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [memory.NAME]
    assert "forgotten at a restart" in caplog.records[-1].getMessage()


def test_a_folder_that_is_not_there_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    memory.save(tmp_path / "none", fed())
    assert "No such file" in caplog.records[-1].getMessage()
