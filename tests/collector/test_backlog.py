"""From the journal to the store, broken off at every step: stored once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collector import backlog
from collector.ingest import entry
from collector.records import Arrival, Position, Rows
from collector.store.tables import TABLES
from tests.collector.lives import NOW_NS, BreakingStore, Crash, Life, stored, uploads, whole
from tests.support.namespaces import wait_until

CRASHES = [("", "")] + [(table, "") for table in TABLES] + [("", table) for table in TABLES]


@pytest.mark.parametrize(("before", "after"), CRASHES)
async def test_a_crash_at_any_step_is_made_good(
    tmp_path: Path, store: BreakingStore, before: str, after: str
):
    life = Life(tmp_path, store)
    assert await life.send(1, 2, 3) == [False, False, False]
    store.crash_before, store.crash_after = before, after
    if before or after:
        with pytest.raises(Crash):
            await life.apply()
    store.crash_before = store.crash_after = ""
    life.end()

    life = Life(tmp_path, store)
    await life.intake.replay()
    assert stored(store) == whole(1, 2, 3)
    assert await life.send(2, 4) == [True, False]
    await life.apply()
    assert stored(store) == whole(1, 2, 3, 4)
    assert life.journal.segments() in ([], [max(life.journal.segments(), default=0)])
    life.end()

    life = Life(tmp_path, store)
    await life.intake.replay()
    assert stored(store) == whole(1, 2, 3, 4)
    assert life.intake.counts.sketches == 12
    life.end()


async def test_a_crash_before_the_ledger_is_made_good(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    life = Life(tmp_path, store)
    await life.send(1, 2)

    def crash(upto: Position) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(life.control.ledger, "applied", crash)
        with pytest.raises(Crash):
            await life.apply()
    assert stored(store) == whole(1, 2)
    life.end()
    life = Life(tmp_path, store)
    await life.intake.replay()
    assert stored(store) == whole(1, 2)
    assert life.control.registry.list()[0]["batches"] == 2
    life.end()


async def test_the_engine_alone_would_have_lost_the_rows(store: BreakingStore):
    """Why undo looks at the rows: a token that is known hides rows that are gone."""
    rows = [Rows("class_totals", {
        "agent": ["a"], "start": [NOW_NS // 10**6], "end": [NOW_NS // 10**6],
        "interface": ["e"], "direction": ["rx"], "class": ["web"],
        "frames": [1], "packets": [1], "bytes": [1],
    }, 1)]  # fmt: skip
    for token in ("t", "t", "t"):
        store.insert("class_totals", rows, "o", token)
    assert stored(store)["class_totals"] == 1
    store.undo("class_totals", "o")
    assert stored(store)["class_totals"] == 0
    store.insert("class_totals", rows, "o", "t")
    assert stored(store)["class_totals"] == 0
    store.insert("class_totals", rows, "o", "u")
    assert stored(store)["class_totals"] == 1


async def test_a_store_that_fails_is_asked_again(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("collector.backlog.RETRY_SECONDS", 0.01)
    life = Life(tmp_path, store)
    await life.send(1)
    store.door.execute("RENAME TABLE weir_test.flows TO weir_test.gone")
    work = asyncio.ensure_future(life.apply())
    counts = life.intake.counts
    await asyncio.to_thread(wait_until, "two attempts", lambda: counts.store_errors >= 2)
    assert "flows" in life.intake.backlog.failing
    store.door.execute("RENAME TABLE weir_test.gone TO weir_test.flows")
    await work
    assert life.intake.backlog.failing == ""
    assert stored(store) == whole(1)
    life.end()


async def test_what_does_not_fit_into_memory_is_read_from_the_journal_again(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backlog, "ROWS_HELD_MAX", 10)
    life = Life(tmp_path, store)
    await life.send(*range(1, 7))
    held = [one.accepted is not None for one in life.intake.backlog._durable]
    assert held == [True, False, False, False, False, False]
    await life.apply()
    assert stored(store) == whole(*range(1, 7))
    await life.send(7)
    assert life.intake.backlog._durable[0].accepted is not None
    assert life.intake.backlog.bytes == life.intake.backlog._durable[0].size
    life.end()
    life = Life(tmp_path, store)
    await life.intake.replay()
    assert stored(store) == whole(*range(1, 8))
    life.end()


async def test_a_group_has_no_more_rows_than_memory_holds(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    life = Life(tmp_path, store)
    await life.send(*range(1, 6))
    one = life.intake.backlog.next_group()[0].rows
    for rows, batches in ((0, 1), (one, 1), (2 * one, 2), (3 * one - 1, 2), (99 * one, 5)):
        monkeypatch.setattr(backlog, "ROWS_HELD_MAX", rows)
        assert len(life.intake.backlog.next_group()) == batches, rows
    monkeypatch.setattr(backlog, "ROWS_HELD_MAX", one)
    await life.apply()
    assert stored(store) == whole(*range(1, 6))
    life.end()


async def test_a_long_journal_is_replayed_a_group_at_a_time(
    tmp_path: Path, store: BreakingStore, monkeypatch: pytest.MonkeyPatch
):
    life = Life(tmp_path, store)
    await life.send(*range(1, 9))
    store.crash_after = "flows"
    with pytest.raises(Crash):
        await life.intake.backlog.apply_group(life.intake.backlog.next_group()[:3])
    store.crash_after = ""
    life.end()
    monkeypatch.setattr(backlog, "GROUP_BYTES_MAX", len(uploads(1)) + 100)
    life = Life(tmp_path, store)
    most: list[int] = []
    add = life.intake.backlog.add

    def watched(*arguments: Any) -> None:
        add(*arguments)
        most.append(len(life.intake.backlog))

    monkeypatch.setattr(life.intake.backlog, "add", watched)
    await life.intake.replay()
    assert stored(store) == whole(*range(1, 9))
    assert max(most) == 3, "all that was interrupted, then a group"
    life.end()


async def test_what_was_acknowledged_is_read_whatever_the_settings_say_now(
    tmp_path: Path, store: BreakingStore
):
    life = Life(tmp_path, store)
    await life.send(1)
    life.end()
    life = Life(tmp_path, store)
    life.intake.decoded_bytes_max = 10
    await life.intake.replay()
    assert stored(store) == whole(1)
    life.end()


async def test_a_copy_that_a_failed_disk_left_behind_is_stored_once(
    tmp_path: Path, store: BreakingStore
):
    """The group's last entry is a repetition: its origin is where the group was to end."""
    life = Life(tmp_path, store)
    arrival = Arrival("edge-001", NOW_NS, "msgpack", "zstd", uploads(1))
    life.journal.append([entry.pack(arrival)])
    await life.send(1)
    store.crash_after = "sketches"
    with pytest.raises(Crash):
        await life.apply()
    store.crash_after = ""
    life.end()
    life = Life(tmp_path, store)
    await life.intake.replay()
    assert stored(store) == whole(1)
    life.end()


async def test_a_boot_that_is_forgotten_while_its_batch_waits_holds_nothing_up(
    tmp_path: Path, store: BreakingStore
):
    life = Life(tmp_path, store)
    await life.send(1)
    await life.apply()
    await life.send(2)
    life.control.ledger.forget(2 * NOW_NS)
    async with asyncio.timeout(10):
        await life.apply()
    assert stored(store) == whole(1, 2)
    assert await life.send(2) == [True]
    life.end()
