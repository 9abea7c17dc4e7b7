"""Which batches were accepted: per agent and boot, the ranges of their numbers."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from collector.records import BatchId, Position
from collector.state.database import Database

RANGES_MAX: Final = 1024
"""Gaps kept open per boot; a spool that drops its oldest makes one gap at a time."""

FORGET_AFTER_NS: Final = 90 * 86400 * 1_000_000_000
"""A boot silent for 90 days is forgotten: no spool holds batches that long."""

Key = tuple[str, bytes]


class Ranges:
    """A set of whole numbers as sorted, disjoint, non-adjacent [first, last] pairs."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self.pairs = sorted(pairs)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.pairs, (number, 2**64)) - 1
        return place >= 0 and self.pairs[place][0] <= number <= self.pairs[place][1]

    def add(self, number: int) -> None:
        """Put a number in; join neighbours; at the bound, close the oldest gap."""
        if number in self:
            return
        place = bisect_right(self.pairs, (number, 2**64))
        first = last = number
        if place < len(self.pairs) and self.pairs[place][0] == number + 1:
            last = self.pairs.pop(place)[1]
        if place > 0 and self.pairs[place - 1][1] == number - 1:
            place -= 1
            first = self.pairs.pop(place)[0]
        self.pairs.insert(place, (first, last))
        if len(self.pairs) > RANGES_MAX:
            self.pairs[:2] = [(self.pairs[0][0], self.pairs[1][1])]

    def missing(self) -> int:
        """Return how many numbers from 1 to the greatest are not in the set."""
        if not self.pairs:
            return 0
        return self.pairs[-1][1] - sum(last - first + 1 for first, last in self.pairs)


class Ledger:
    """Every accepted batch, in memory and, in the caller's transaction, on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()  # The event loop adds while the writer persists.
        self._ranges: dict[Key, Ranges] = {}
        rows = database.query("SELECT agent, boot, first, last FROM batch_ledger")
        pairs: dict[Key, list[tuple[int, int]]] = {}
        for agent, boot, first, last in rows:
            pairs.setdefault((agent, bytes(boot)), []).append((first, last))
        for key, found in pairs.items():
            self._ranges[key] = Ranges(found)

    def __contains__(self, batch: BatchId) -> bool:
        ranges = self._ranges.get((batch.agent, batch.boot))
        return ranges is not None and batch.sequence in ranges

    def add(self, batch: BatchId) -> None:
        """Note a batch as accepted; it must be durable in the journal by now."""
        with self._lock:
            self._ranges.setdefault((batch.agent, batch.boot), Ranges()).add(batch.sequence)

    def missing(self, agent: str, boot: bytes) -> int:
        """Return how many batches of this boot never came, so far."""
        with self._lock:
            ranges = self._ranges.get((agent, boot))
            return ranges.missing() if ranges else 0

    def persist(self, batches: Iterable[BatchId], now_ns: int) -> None:
        """Write the ranges of these batches' boots; the caller holds the transaction."""
        numbers: dict[Key, list[int]] = {}
        for batch in batches:
            numbers.setdefault((batch.agent, batch.boot), []).append(batch.sequence)
        for key, found in numbers.items():
            self._database.execute(
                "DELETE FROM batch_ledger WHERE agent = ? AND boot = ?", key
            )
            with self._lock:
                # Again: housekeeping may have forgotten the boot since they came.
                ranges = self._ranges.setdefault(key, Ranges())
                for number in found:
                    ranges.add(number)
                pairs = list(ranges.pairs)
            self._database.execute_many(
                "INSERT INTO batch_ledger VALUES (?, ?, ?, ?, ?)",
                [(*key, *pair, now_ns) for pair in pairs],
            )

    def forget(self, now_ns: int) -> None:
        """Drop boots that have been silent for so long that nothing of them can come."""
        limit = (now_ns - FORGET_AFTER_NS,)
        old = self._database.query(
            "SELECT agent, boot FROM batch_ledger GROUP BY agent, boot "
            "HAVING max(accepted_ns) < ?", limit,
        )  # fmt: skip
        for agent, boot in old:
            with self._lock:
                self._ranges.pop((agent, bytes(boot)), None)
            self._database.execute(
                "DELETE FROM batch_ledger WHERE agent = ? AND boot = ?", (agent, boot)
            )

    def collector(self) -> str:
        """Return this collector's name among those that share a store."""
        name: str = self._database.query("SELECT collector FROM journal")[0][0]
        return name

    def positions(self) -> tuple[Position, Position]:
        """Return how far the store has applied the journal, and how far it meant to."""
        row = self._database.query(
            "SELECT applied_segment, applied_offset, intent_segment, intent_offset "
            "FROM journal"
        )[0]
        return Position(row[0], row[1]), Position(row[2], row[3])

    def intend(self, upto: Position) -> None:
        """Write down what the next insert will cover, so that a crash repeats just that."""
        self._database.execute(
            "UPDATE journal SET intent_segment = ?, intent_offset = ?",
            (upto.segment, upto.offset),
        )

    def applied(self, upto: Position) -> None:
        """Write down that everything up to here is in the store."""
        self._database.execute(
            "UPDATE journal SET applied_segment = ?, applied_offset = ?, "
            "intent_segment = ?, intent_offset = ?",
            (upto.segment, upto.offset, upto.segment, upto.offset),
        )
