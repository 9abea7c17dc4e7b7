"""Every room once, in order: upload → journal → 200 → store → ledger → journal freed.

An upload is acknowledged when the journal has it on disk; the backlog does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import Final

from collector.backlog import (
    GROUP_BYTES_MAX,
    ROWS_HELD_MAX,
    Backlog,
    rows_in,
    understand_arrival,
)
from collector.ingest import entry
from collector.ingest.journal import Journal, JournalError
from collector.records import Accepted, Arrival, BatchId, Busy, Counts, Receipt, Refused
from collector.state.control import Control
from collector.store.answers import StoreError
from collector.store.store import Store
from collector.threads import Threads

TRIAL_SECONDS_MAX: Final = 10.0
"""A disk that takes longer to set a mebibyte aside has stopped."""
KNOWN_ENDPOINTS_MAX: Final = 500_000
"""About 40 MB; beyond it, some endpoints are announced as new a second time."""


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
        self.store = store
        self.journal = journal
        self.threads = threads
        self.decoded_bytes_max, self.journal_bytes_max = limits
        self.counts = Counts()
        self.backlog = Backlog(control, store, journal, threads, self.counts)
        self.journal_failing = ""
        self._known: set[int] = set()
        self._inflight: dict[BatchId, asyncio.Future[None]] = {}
        self._waiting: deque[Waiting] = deque()
        self._rows_waiting = 0
        self._arrived = asyncio.Event()
        self._trial: asyncio.Future[None] | None = None

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
        if accepted.id in self.backlog:
            return self._duplicate()
        before = self._inflight.get(accepted.id)
        if before is not None:
            await asyncio.shield(before)
            return self._duplicate()
        is_behind = self.backlog.bytes > self.journal_bytes_max
        if is_behind or self._rows_waiting > ROWS_HELD_MAX:
            self.counts.busy += 1
            raise Busy(self.failing or "the store is behind")
        data = entry.pack(accepted.arrival)
        done = asyncio.get_running_loop().create_future()
        self._inflight[accepted.id] = done
        self._waiting.append(Waiting(accepted, data, done))
        self._rows_waiting += rows_in(accepted)
        self._arrived.set()
        await asyncio.shield(done)
        new = self._note_endpoints(accepted)
        return Receipt(False, new, self.counts.sketches)

    def _duplicate(self) -> Receipt:
        self.counts.duplicate += 1
        return Receipt(True, (), self.counts.sketches)

    def _note_endpoints(self, accepted: Accepted) -> tuple[str, ...]:
        """Return the endpoints never seen before, and remember them."""
        new = tuple(name for name in accepted.endpoint_ids if hash(name) not in self._known)
        self._known.update(map(hash, new))
        while len(self._known) > KNOWN_ENDPOINTS_MAX:
            self._known.pop()
        return new

    @property
    def failing(self) -> str:
        """What keeps uploads from the disk or from the store, or nothing."""
        return self.journal_failing or self.backlog.failing

    async def drained(self) -> None:
        """Wait until everything accepted is in the store."""
        while self._inflight or self.backlog:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.05)

    async def run_commits(self) -> None:
        """Write waiting uploads to the journal, a group at a time, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._commit(self._next_waiting())

    def _next_waiting(self) -> list[Waiting]:
        """Take the oldest waiting uploads, up to the bytes of a group."""
        group: list[Waiting] = []
        size = 0
        while self._waiting and size < GROUP_BYTES_MAX:
            group.append(self._waiting.popleft())
            size += len(group[-1].data)
        return group

    async def _commit(self, group: list[Waiting]) -> None:
        """Write a group to the journal; tell every sender how it went."""
        try:
            positions = await self.threads.run(
                self.threads.journal, self.journal.append, [one.data for one in group]
            )
        except JournalError as error:
            self.journal_failing = str(error)
            self._give_back(group, str(error))
            return
        self.journal_failing = ""
        self.counts.commit_groups += 1
        for one, position in zip(group, positions, strict=True):
            self._rows_waiting -= rows_in(one.accepted)
            self.backlog.add(one.accepted, position, len(one.data))
            del self._inflight[one.accepted.id]
            one.done.set_result(None)

    async def try_journal(self) -> None:
        """Find out whether the disk takes what would come now; agents ask before."""
        if self._trial is None or self._trial.done():
            loop = asyncio.get_running_loop()
            self._trial = loop.run_in_executor(self.threads.journal, self.journal.probe)
        done, _ = await asyncio.wait([self._trial], timeout=TRIAL_SECONDS_MAX)
        if not done:
            self.journal_failing = "the disk of data_dir does not answer"
            return
        error = self._trial.exception()
        if error is not None and not isinstance(error, JournalError):
            raise error
        self.journal_failing = str(error or "")

    def _give_back(self, group: list[Waiting], reason: str) -> None:
        """Tell every sender of a group that nothing was stored."""
        self.counts.busy += len(group)
        for one in group:
            self._rows_waiting -= rows_in(one.accepted)
            del self._inflight[one.accepted.id]
            one.done.set_exception(Busy(reason, 30))
            one.done.exception()  # Read here: the sender may have left.

    async def replay(self) -> None:
        """Bring back what was durable but not applied when the last process ended."""
        await self.backlog.replay()
        await self.threads.run(self.threads.writer, self._count)

    def _count(self) -> None:
        """Fill what lives in memory only, as far as the store can tell in time."""
        sketches = "SELECT count() AS sketches FROM {db}.sketches"
        names = "SELECT DISTINCT endpoint_id FROM {db}.sketches LIMIT 500000"
        # Without it the count begins anew, and known endpoints are announced again.
        with contextlib.suppress(StoreError):
            self.counts.sketches = int(self.store.query(sketches, {})[0]["sketches"])
            found = self.store.query(names, {})
            self._known.update(hash(row["endpoint_id"]) for row in found)
