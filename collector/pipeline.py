"""Every room once, in order: upload → journal → 200 → store → ledger → journal freed.

An upload is acknowledged when the journal has it on disk. One writer moves it on: it notes
in the ledger which stretch of the journal it is about to insert, inserts under an origin
named after that stretch, and notes the stretch as applied. A crash anywhere repeats at most
that stretch, after removing what it had left of it, so nothing is lost and nothing is
stored twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from collector.ingest import entry, understand
from collector.ingest.journal import Journal, JournalError
from collector.records import (
    Accepted,
    Arrival,
    BatchId,
    Busy,
    Counts,
    Position,
    Receipt,
    Refused,
)
from collector.state.control import Control
from collector.store import rows, tables
from collector.store.store import Store

GROUP_BATCHES_MAX: Final = 512
GROUP_BYTES_MAX: Final = 8 * 1024 * 1024
"""One insert covers at most this much of the journal: about a second's work of one core."""
APPLY_SECONDS: Final = 0.5
"""Inserts come no faster: each makes a part per table that ClickHouse must merge."""
RETRY_SECONDS: Final = 2.0
QUEUE_MAX: Final = 2000
"""Uploads waiting for the disk; more means the disk has stopped."""
KNOWN_ENDPOINTS_MAX: Final = 500_000
"""About 40 MB; beyond it, some endpoints are announced as new a second time."""
RECENT_SERIALS_MAX: Final = 10_000


@dataclass(slots=True)
class Threads:
    """Where blocking work runs, so that the event loop never waits."""

    decode: Executor
    journal: Executor
    writer: Executor
    readers: Executor

    async def run(self, pool: Executor, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run work on a pool and wait for its result."""
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


@dataclass(slots=True)
class Waiting:
    """One upload between the handler and the disk."""

    accepted: Accepted
    data: bytes
    done: asyncio.Future[None]


class Intake:
    """The way of an upload from the handler into the store."""

    def __init__(
        self,
        control: Control,
        store: Store,
        journal: Journal,
        threads: Threads,
        limits: tuple[int, int],
    ) -> None:
        self.control = control
        self.store = store
        self.journal = journal
        self.threads = threads
        self.decoded_bytes_max, self.journal_bytes_max = limits
        self.counts = Counts()
        self.backlog_bytes = 0
        self.total_sketches = 0
        self.store_failing = ""
        self._collector = control.ledger.collector()
        self._known: set[int] = set()
        self._serials: OrderedDict[BatchId, None] = OrderedDict()
        self._inflight: dict[BatchId, asyncio.Future[None]] = {}
        self._waiting: deque[Waiting] = deque()
        self._durable: deque[tuple[Position, int, Accepted]] = deque()
        self._arrived, self._committed = asyncio.Event(), asyncio.Event()

    async def understand(self, arrival: Arrival) -> Accepted:
        """Decode and check an upload. Raises Refused."""
        limit = self.decoded_bytes_max
        run = self.threads.run(self.threads.decode, understand_arrival, arrival, limit)
        try:
            accepted: Accepted = await run
        except Refused as refusal:
            self.counts.refuse(refusal.status)
            raise
        return accepted

    async def submit(self, accepted: Accepted) -> Receipt:
        """Make an upload durable, unless it already is. Raises Busy."""
        if self._is_accepted(accepted.id):
            return self._duplicate()
        before = self._inflight.get(accepted.id)
        if before is not None:
            await asyncio.shield(before)
            return self._duplicate()
        if self.backlog_bytes > self.journal_bytes_max or len(self._waiting) >= QUEUE_MAX:
            self.counts.busy += 1
            raise Busy(self.store_failing or "the store is behind")
        done = asyncio.get_running_loop().create_future()
        self._inflight[accepted.id] = done
        self._waiting.append(Waiting(accepted, entry.pack(accepted.arrival), done))
        self._arrived.set()
        await asyncio.shield(done)
        new = self._note_endpoints(accepted)
        return Receipt(False, new, self.total_sketches)

    def _is_accepted(self, batch: BatchId) -> bool:
        return batch in self.control.ledger if batch.sequence else batch in self._serials

    def _duplicate(self) -> Receipt:
        self.counts.duplicate += 1
        return Receipt(True, (), self.total_sketches)

    def _note_endpoints(self, accepted: Accepted) -> tuple[str, ...]:
        """Return the endpoints never seen before, and remember them."""
        new = tuple(name for name in accepted.endpoint_ids if hash(name) not in self._known)
        self._known.update(map(hash, new))
        while len(self._known) > KNOWN_ENDPOINTS_MAX:
            self._known.pop()
        return new

    @property
    def pending(self) -> int:
        """How many uploads are durable but not in the store yet."""
        return len(self._durable)

    async def drained(self) -> None:
        """Wait until everything accepted is in the store."""
        while self._waiting or self._durable:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.05)

    async def run_commits(self) -> None:
        """Write waiting uploads to the journal, a group at a time, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            group = list(self._waiting)
            self._waiting.clear()
            try:
                positions = await self.threads.run(
                    self.threads.journal, self.journal.append, [one.data for one in group]
                )
            except JournalError as error:
                self._give_back(group, str(error))
                continue
            self.counts.commit_groups += 1
            for one, position in zip(group, positions, strict=True):
                self._accept(one.accepted, position, len(one.data))
                del self._inflight[one.accepted.id]
                one.done.set_result(None)
            self._committed.set()

    def _give_back(self, group: list[Waiting], reason: str) -> None:
        """Tell every sender of a group that nothing was stored."""
        self.counts.busy += len(group)
        for one in group:
            del self._inflight[one.accepted.id]
            one.done.set_exception(Busy(reason, 30))
            one.done.exception()  # Read here: the sender may have left.

    def _accept(self, accepted: Accepted, position: Position, size: int) -> None:
        """Note a durable upload; from here on it is a duplicate when it comes again."""
        if accepted.id.sequence:
            self.control.ledger.add(accepted.id)
        else:
            self._serials[accepted.id] = None
            while len(self._serials) > RECENT_SERIALS_MAX:
                self._serials.popitem(last=False)
        self._durable.append((position, size, accepted))
        self.backlog_bytes += size
        self.counts.stored += 1
        self.total_sketches += len(accepted.endpoint_ids)

    async def run_applies(self) -> None:
        """Move what is durable into the store, a group at a time, for ever."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            while self._durable:
                await self.apply_group(self._next_group())
                await asyncio.sleep(APPLY_SECONDS)

    def _next_group(
        self, upto: Position | None = None
    ) -> list[tuple[Position, int, Accepted]]:
        """Return the oldest uploads, up to a position or to a group's bounds."""
        group: list[tuple[Position, int, Accepted]] = []
        size = 0
        for item in self._durable:
            if upto is not None and item[0] > upto:
                break
            if (
                upto is None
                and group
                and (len(group) >= GROUP_BATCHES_MAX or size + item[1] > GROUP_BYTES_MAX)
            ):
                break
            group.append(item)
            size += item[1]
        return group

    async def apply_group(
        self, group: list[tuple[Position, int, Accepted]], attempt: int = 0
    ) -> None:
        """Insert a group, however often the store must be asked, then forget it."""
        while True:
            try:
                await self.threads.run(self.threads.writer, self._apply, group, attempt)
                break
            except Exception as error:  # noqa: BLE001 - a door's or the disk's; kept, retried
                self.counts.store_errors += 1
                self.store_failing = f"the store fails: {error}"
                attempt += 1
                await asyncio.sleep(RETRY_SECONDS)
        self.store_failing = ""
        for _, size, _ in group:
            self._durable.popleft()
            self.backlog_bytes -= size

    def _apply(self, group: list[tuple[Position, int, Accepted]], attempt: int) -> None:
        """Do the blocking part: intent, inserts, ledger, journal."""
        upto, ledger = group[-1][0], self.control.ledger
        ledger.intend(upto)
        parts = [part for _, _, accepted in group for part in accepted.rows]
        origin = f"{self._collector}-{upto.segment}-{upto.offset}"
        for table in tables.TABLES:
            if attempt:
                self.store.undo(table, origin)
            token = f"{origin}/{secrets.token_hex(4)}" if attempt else origin
            count = self.store.insert(table, parts, origin, token)
            self.counts.rows[table] = self.counts.rows.get(table, 0) + count
        accepted_ids = [accepted.id for _, _, accepted in group if accepted.id.sequence]
        with self.control.database.transaction():
            ledger.persist(accepted_ids, group[-1][2].arrival.received_ns)
            self.control.registry.record(accepted.sighting for _, _, accepted in group)
            ledger.applied(upto)
        self.journal.release(upto)

    async def replay(self) -> None:
        """Bring back what was durable but not applied when the last process ended."""
        applied, intent = self.control.ledger.positions()
        await self.threads.run(self.threads.writer, self._load, applied)
        again = self._next_group(intent)
        if again:
            await self.apply_group(again, attempt=1)
        while self._durable:
            await self.apply_group(self._next_group())
        await self.threads.run(self.threads.writer, self._count)

    def _load(self, applied: Position) -> None:
        """Read what the journal still holds."""
        seen: set[BatchId] = set()
        for position, data in self.journal.replay(applied):
            try:
                accepted = understand_arrival(entry.unpack(data), self.decoded_bytes_max)
            except Refused as refusal:  # Another version of this program wrote it.
                self.counts.refuse(refusal.status)
                continue
            if accepted.id not in seen:
                seen.add(accepted.id)
                self._accept(accepted, position, len(data))
                self.counts.replayed += 1

    def _count(self) -> None:
        """Fill the counters that live in memory only."""
        (found,) = self.store.query("SELECT count() AS sketches FROM {db}.sketches", {})
        self.total_sketches = int(found["sketches"])
        names = self.store.query(
            "SELECT DISTINCT endpoint_id FROM {db}.sketches LIMIT 500000", {}
        )
        self._known.update(hash(row["endpoint_id"]) for row in names)


def understand_arrival(arrival: Arrival, limit: int) -> Accepted:
    """Turn an upload into identity and rows, always the same. Raises Refused."""
    batch, estimates = understand.read(arrival, limit)
    return rows.accepted(batch, estimates, arrival)
