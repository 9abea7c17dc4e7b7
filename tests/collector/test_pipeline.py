"""The way of an upload, broken off at every step: what was acknowledged is stored once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from collector.ingest.journal import Journal, JournalError
from collector.pipeline import Intake, Threads
from collector.records import Arrival, Busy, Position, Rows
from collector.state.control import Control
from collector.store.embedded import Embedded
from collector.store.store import Store
from collector.store.tables import TABLES, Site
from tests.collector.support import batch, body

NOW_NS = 1_795_000_000 * 1_000_000_000


class Crash(BaseException):
    """The process ends here: nothing in the collector may catch it."""


class BreakingStore(Store):
    """A store that ends the process before or after the insert into one table."""

    crash_before = ""
    crash_after = ""

    def insert(self, table: str, rows: Any, origin: str, token: str) -> int:
        if table == self.crash_before:
            raise Crash
        count = super().insert(table, rows, origin, token)
        if table == self.crash_after:
            raise Crash
        return count


@pytest.fixture
def store(chdb: Embedded) -> BreakingStore:
    """Empty tables."""
    one = BreakingStore(chdb, Site("weir_test"))
    chdb.execute("DROP DATABASE IF EXISTS weir_test")
    one.migrate()
    return one


class Life:
    """One life of the process over a folder: control store, journal, intake."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.control = Control(folder)
        self.journal = Journal(folder / "journal", self.control.ledger.positions()[0])
        pools = [ThreadPoolExecutor(1) for _ in range(4)]
        self.pools = pools
        limits = (64 << 20, 64 << 20)
        self.intake = Intake(self.control, store, self.journal, Threads(*pools), limits)

    async def send(self, *numbers: int) -> list[bool]:
        """Submit batches; return which were duplicates."""
        work = asyncio.ensure_future(self.intake.run_commits())
        found = []
        for number in numbers:
            arrival = Arrival("edge-001", NOW_NS, "msgpack", "zstd", uploads(number))
            receipt = await self.intake.submit(await self.intake.understand(arrival))
            found.append(receipt.duplicate)
        work.cancel()
        return found

    async def apply(self) -> None:
        """Move everything acknowledged into the store."""
        while self.intake.pending:
            await self.intake.apply_group(self.intake._next_group())

    def end(self) -> None:
        """Let go as a dead process does: no more writes."""
        for pool in self.pools:
            pool.shutdown(wait=True)
        self.journal.close()
        self.control.close()


def uploads(number: int) -> bytes:
    return body(batch(number, end=NOW_NS / 1e9 - 1))


def stored(store: Store) -> dict[str, Any]:
    """Return how much of everything is stored."""
    ask = store.query
    (batches,) = ask("SELECT groupArray(sequence) AS found FROM {db}.batches", {})
    counts = {
        table: ask(f"SELECT count() AS found FROM {{db}}.{table}", {})[0]["found"]
        for table in TABLES
    }
    return {
        "batches": sorted(batches["found"]),
        **{k: counts[k] for k in sorted(counts) if k != "batches"},
    }


def whole(*numbers: int) -> dict[str, Any]:
    """What must be stored of these batches."""
    count = len(numbers)
    return {"batches": list(numbers), "class_totals": 4 * count, "flows": 5 * count,
            "interface_totals": 2 * count, "sketches": 3 * count}  # fmt: skip


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
    assert life.intake.total_sketches == 12
    life.end()


async def test_a_crash_before_the_ledger_is_made_good(tmp_path: Path, store: BreakingStore):
    life = Life(tmp_path, store)
    await life.send(1, 2)
    applied = life.control.ledger.applied

    def crash(upto: Position) -> None:
        raise Crash

    life.control.ledger.applied = crash  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await life.apply()
    life.control.ledger.applied = applied  # type: ignore[method-assign]
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
    monkeypatch.setattr("collector.pipeline.RETRY_SECONDS", 0.01)
    life = Life(tmp_path, store)
    await life.send(1)
    store.door.execute("RENAME TABLE weir_test.flows TO weir_test.gone")
    work = asyncio.ensure_future(life.apply())
    while life.intake.counts.store_errors < 2:  # noqa: ASYNC110 - the state is polled
        await asyncio.sleep(0.01)
    assert "flows" in life.intake.store_failing
    store.door.execute("RENAME TABLE weir_test.gone TO weir_test.flows")
    await work
    assert life.intake.store_failing == ""
    assert stored(store) == whole(1)
    life.end()


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
