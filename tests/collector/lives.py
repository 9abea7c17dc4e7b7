"""One life after another of an intake over the same folder and store."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from collector.ingest.journal import Journal
from collector.pipeline import Intake
from collector.records import Arrival
from collector.state.control import Control
from collector.store.store import Store
from collector.store.tables import TABLES
from collector.threads import Threads
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

    async def many(self, *numbers: int) -> list[Any]:
        """Submit batches at once; return which were duplicates, or what was raised."""

        async def one(number: int) -> bool:
            arrival = Arrival("edge-001", NOW_NS, "msgpack", "zstd", uploads(number))
            accepted = await self.intake.understand(arrival)
            await together.wait()
            return (await self.intake.submit(accepted)).duplicate

        together = asyncio.Barrier(len(numbers))
        work = asyncio.ensure_future(self.intake.run_commits())
        found = await asyncio.gather(*map(one, numbers), return_exceptions=True)
        work.cancel()
        return found

    async def apply(self) -> None:
        """Move everything acknowledged into the store."""
        while self.intake.backlog:
            await self.intake.backlog.apply_group(self.intake.backlog.next_group())

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
