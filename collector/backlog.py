"""From the journal to the store: every upload once, whatever ends the process.

One writer moves uploads on: it notes in the ledger which stretch of the journal it is about
to insert, inserts under an origin named after that stretch, and notes the stretch as
applied. A crash anywhere repeats at most that stretch, after removing what it had left of
it, so nothing is lost and nothing is stored twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from collector.ingest import entry, understand
from collector.ingest.journal import Journal
from collector.records import Accepted, Arrival, BatchId, Counts, Position, Refused
from collector.state.control import Control
from collector.store import rows, tables
from collector.store.store import Store
from collector.threads import Threads

GROUP_BATCHES_MAX: Final = 512
GROUP_BYTES_MAX: Final = 8 * 1024 * 1024
"""One insert covers at most this much of the journal: about a second's work of one core."""
APPLY_SECONDS: Final = 0.5
"""Inserts come no faster: each makes a part per table that ClickHouse must merge."""
RETRY_SECONDS: Final = 2.0
RECENT_SERIALS_MAX: Final = 10_000
ROWS_HELD_MAX: Final = 200_000
"""Rows kept in memory, at 370 to 690 bytes each; the journal holds the others.

Its entries are compressed, and grow tenfold and more when they are read. A group has no
more rows either: what it reads again is at most as much once over.
"""
DECODED_BYTES_MAX: Final = 1 << 30
"""What settings allow at most: what was acknowledged is read whatever they say now."""


@dataclass(slots=True)
class Durable:
    """One upload that the journal has and the store not yet."""

    position: Position
    size: int
    rows: int
    accepted: Accepted | None  # None: it is read again when its turn comes


class Backlog:
    """Uploads that were acknowledged, on their way into the store."""

    def __init__(
        self,
        control: Control,
        store: Store,
        journal: Journal,
        threads: Threads,
        counts: Counts,
    ) -> None:
        self._control = control
        self._store = store
        self._journal = journal
        self._threads = threads
        self._counts = counts
        self._collector = control.ledger.collector()
        self._serials: OrderedDict[BatchId, None] = OrderedDict()
        self._durable: deque[Durable] = deque()
        self._rows = 0
        self._added = asyncio.Event()
        self.bytes = 0
        self.failing = ""

    def __len__(self) -> int:
        return len(self._durable)

    def __contains__(self, batch: BatchId) -> bool:
        """Tell whether an upload was accepted, whenever that was."""
        return batch in (self._control.ledger if batch.sequence else self._serials)

    def add(self, accepted: Accepted, position: Position, size: int) -> None:
        """Note a durable upload; from here on it is a duplicate when it comes again."""
        if accepted.id.sequence:
            self._control.ledger.add(accepted.id)
        else:
            self._serials[accepted.id] = None
            while len(self._serials) > RECENT_SERIALS_MAX:
                self._serials.popitem(last=False)
        count = rows_in(accepted)
        is_held = self._rows <= ROWS_HELD_MAX
        self._rows += count if is_held else 0
        self._durable.append(Durable(position, size, count, accepted if is_held else None))
        self.bytes += size
        self._counts.stored += 1
        self._counts.sketches += len(accepted.endpoint_ids)
        self._added.set()

    async def run(self) -> None:
        """Move what is durable into the store, a group at a time, for ever."""
        while True:
            await self._added.wait()
            self._added.clear()
            while self._durable:
                await self.apply_group(self.next_group())
                await asyncio.sleep(APPLY_SECONDS)

    def next_group(self, upto: Position | None = None) -> list[Durable]:
        """Return the oldest uploads, up to a position or to a group's bounds."""
        group: list[Durable] = []
        size = count = 0
        for one in self._durable:
            is_full = (
                len(group) >= GROUP_BATCHES_MAX
                or size + one.size > GROUP_BYTES_MAX
                or count + one.rows > ROWS_HELD_MAX
            )
            if one.position > upto if upto is not None else group and is_full:
                break
            group.append(one)
            size += one.size
            count += one.rows
        return group

    async def apply_group(self, group: list[Durable], upto: Position | None = None) -> None:
        """Insert a group, however often the store must be asked, then forget it.

        upto: where the insert ended that a crash has interrupted, if one has.
        """
        attempt = 0 if upto is None else 1
        end = upto or group[-1].position
        while True:
            try:
                await self._threads.run(
                    self._threads.writer, self._apply, group, end, attempt
                )
                break
            except Exception as error:  # noqa: BLE001 - a door's or the disk's; kept, retried
                self._counts.store_errors += 1
                self.failing = f"the store fails: {error}"
                attempt += 1
                await asyncio.sleep(RETRY_SECONDS)
        self.failing = ""
        for one in group:
            self._durable.popleft()
            self.bytes -= one.size
            self._rows -= one.rows if one.accepted else 0

    def _apply(self, group: list[Durable], upto: Position, attempt: int) -> None:
        """Do the blocking part: intent, inserts, ledger, journal."""
        ledger = self._control.ledger
        ledger.intend(upto)
        found = [one.accepted or self._read_again(one) for one in group]
        parts = [part for accepted in found for part in accepted.rows]
        origin = f"{self._collector}-{upto.segment}-{upto.offset}"
        for table in tables.TABLES:
            if attempt:
                self._store.undo(table, origin)
            token = f"{origin}/{secrets.token_hex(4)}" if attempt else origin
            count = self._store.insert(table, parts, origin, token)
            self._counts.rows[table] = self._counts.rows.get(table, 0) + count
        accepted_ids = [accepted.id for accepted in found if accepted.id.sequence]
        with self._control.database.transaction():
            ledger.persist(accepted_ids, found[-1].arrival.received_ns)
            self._control.registry.record(accepted.sighting for accepted in found)
            ledger.applied(upto)
        self._journal.release(upto)

    def _read_again(self, one: Durable) -> Accepted:
        """Return an upload that only the journal has."""
        data = self._journal.read(one.position, one.size)
        return understand_arrival(entry.unpack(data), DECODED_BYTES_MAX)

    async def replay(self) -> None:
        """Bring back what was durable but not applied when the last process ended."""
        applied, intent = self._control.ledger.positions()
        entries, seen = self._journal.replay(applied), set[BatchId]()
        while True:
            await self._threads.run(self._threads.writer, self._load, entries, seen, intent)
            again = self.next_group(intent)
            if again:
                await self.apply_group(again, upto=intent)
            elif not self._durable:
                break
            while self._durable:
                await self.apply_group(self.next_group())

    def _load(
        self,
        entries: Iterable[tuple[Position, bytes]],
        seen: set[BatchId],
        intent: Position,
    ) -> None:
        """Read on in the journal: all that was intended, then a group at a time."""
        for position, data in entries:
            try:
                accepted = understand_arrival(entry.unpack(data), DECODED_BYTES_MAX)
            except Refused as refusal:  # Another version of this program wrote it.
                self._counts.refuse(refusal.status)
                continue
            if accepted.id not in seen:
                seen.add(accepted.id)
                self.add(accepted, position, len(data))
                self._counts.replayed += 1
            if self.bytes > GROUP_BYTES_MAX and position >= intent:
                return


def understand_arrival(arrival: Arrival, limit: int) -> Accepted:
    """Turn an upload into identity and rows, always the same. Raises Refused."""
    batch, estimates = understand.read(arrival, limit)
    return rows.accepted(batch, estimates, arrival)


def rows_in(accepted: Accepted) -> int:
    """Return how many rows an upload adds."""
    return sum(part.count for part in accepted.rows)
