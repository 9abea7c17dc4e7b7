"""The way of an upload to its answer: durable, once, or told to come back."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from collector import pipeline
from collector.ingest.journal import JournalError
from collector.records import Arrival, Busy
from tests.collector.lives import NOW_NS, BreakingStore, Life, stored, uploads, whole


async def test_a_full_journal_says_come_back(tmp_path: Path, store: BreakingStore):
    life = Life(tmp_path, store)
    life.intake.journal_bytes_max = 10
    await life.send(1)
    with pytest.raises(Busy, match="behind"):
        await life.send(2)
    await life.apply()
    assert await life.send(2) == [False]
    await life.apply()
    assert stored(store) == whole(1, 2)
    life.end()


async def test_a_disk_that_fails_acknowledges_nothing(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    life = Life(tmp_path, store)
    await life.send(1)

    def fail(entries: Any) -> Any:
        raise JournalError("disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(life.journal, "append", fail)
        with pytest.raises(Busy, match="disk is full"):
            await life.send(2)
    assert await life.send(2) == [False]
    await life.apply()
    assert stored(store) == whole(1, 2)
    life.end()


async def test_the_same_batch_twice_at_once_is_stored_once(
    tmp_path: Path, store: BreakingStore
):
    life = Life(tmp_path, store)
    found = await asyncio.gather(*(life.send(1) for _ in range(5)))
    assert sorted(found) == [[False], [True], [True], [True], [True]]
    await life.apply()
    assert stored(store) == whole(1)
    life.end()


async def test_an_upload_that_cannot_be_packed_leaves_no_trace(
    tmp_path: Path, store: BreakingStore
):
    life = Life(tmp_path, store)
    arrival = Arrival("e", NOW_NS, "msgpack", "zstd", uploads(1), sent_ns=2**70)
    accepted = await life.intake.understand(arrival)
    for _ in range(2):
        async with asyncio.timeout(5):
            with pytest.raises(OverflowError):
                await life.intake.submit(accepted)
    assert await life.send(1) == [False]
    life.end()


async def test_one_write_to_the_journal_is_bounded(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline, "GROUP_BYTES_MAX", len(uploads(1)) + 200)
    life = Life(tmp_path, store)
    assert await life.many(*range(1, 8)) == [False] * 7
    assert life.intake.counts.commit_groups == 4
    await life.apply()
    assert stored(store) == whole(*range(1, 8))
    life.end()


async def test_a_disk_that_is_slower_than_the_network_is_waited_for_by_agents(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline, "ROWS_HELD_MAX", 20)
    life = Life(tmp_path, store)
    found = await life.many(1, 2, 3)
    assert sorted(type(one).__name__ for one in found) == ["Busy", "bool", "bool"]
    assert sorted(await life.send(1, 2, 3)) == [False, True, True]
    await life.apply()
    assert stored(store) == whole(1, 2, 3)
    life.end()


async def test_the_disk_is_tried_also_when_nothing_comes(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    life = Life(tmp_path, store)
    intake, probe = life.intake, life.journal.probe

    def full() -> None:
        raise JournalError("disk is full")

    await intake.try_journal()
    assert intake.failing == ""
    monkeypatch.setattr(life.journal, "probe", full)
    await intake.try_journal()
    assert intake.failing == "disk is full"
    monkeypatch.setattr(life.journal, "probe", probe)
    await intake.try_journal()
    assert intake.failing == ""

    hangs = threading.Event()
    monkeypatch.setattr(pipeline, "TRIAL_SECONDS_MAX", 0.05)
    monkeypatch.setattr(life.journal, "probe", hangs.wait)
    for _ in range(3):
        await intake.try_journal()
        assert "does not answer" in intake.failing
    hangs.set()
    monkeypatch.setattr(pipeline, "TRIAL_SECONDS_MAX", 5)
    await intake.try_journal()
    assert intake.failing == ""
    life.end()
