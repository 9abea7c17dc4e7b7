"""What the agent reads from and writes to the maps, as arrays."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import (
    BOOKMARK,
    BUCKET,
    CLASS_KEEP,
    CLASSES,
    CLOSING,
    COUNTERS,
    CURSOR,
    HOOKS,
    INTERFACE,
    INTERFACE_ENTRIES,
    KEY,
    LIMITS,
    MATCH_TABLES,
    RECORD,
    REPORTED,
    SHAPING,
    SLOT,
    SLOTS,
    VERDICT,
    VOLUME,
)
from agent.capture.loader import bpf
from agent.capture.loader.pins import Pinned
from agent.capture.reader import keys_of, volumes
from agent.records import FLOW_DELTA

Array = npt.NDArray[Any]

CHUNK: Final = 2048
"""Records read at once: 2 MiB of them, however many flows live."""

VERDICTS: Final = 4096
"""Verdicts carried at once."""

LIST_CLOSING: Final = 0
LIST_VERDICTS: Final = 1
LIST_SAMPLES: Final = 2


class Kernel:
    """Maps and list programs, typed. One thread at a time."""

    def __init__(self, pinned: Pinned) -> None:
        self._maps = pinned.maps
        self._programs = pinned.programs
        self._closing = np.zeros(CHUNK, CLOSING)
        self._cpus = bpf.possible_cpus()

    def walk(self) -> tuple[Array, Array]:
        """A row for every live flow, and what they hold together.

        Returns FLOW_DELTA (n,) with monotonic times and no deltas, and uint64
        (SLOTS, HOOKS, 3): frames, packets, bytes.
        """
        sums = np.zeros(SLOTS * HOOKS, VOLUME)
        bpf.map_update_range(self._maps["walked"], 0, sums)
        bpf.run(self._programs["weir_walk"])
        cursor = np.zeros(1, CURSOR)
        bpf.map_lookup(self._maps["cursors"], LIST_SAMPLES, cursor)
        out = np.empty(int(cursor["next"][0]), FLOW_DELTA)
        bpf.map_read_range(self._maps["samples"], 0, out)
        bpf.map_read_range(self._maps["walked"], 0, sums)
        return out, volumes(sums.reshape(SLOTS, HOOKS))

    def records(self) -> Iterator[tuple[Array, Array]]:
        """Keys and whole records of every live flow, a chunk at a time.

        The arrays (dtypes KEY, RECORD) are overwritten by the next chunk.
        """
        keys, records = np.zeros(CHUNK, KEY), np.zeros(CHUNK, RECORD)
        cursor = None
        while True:
            try:
                count, cursor = bpf.map_read_batch(
                    self._maps["flows"], cursor, keys, records
                )
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                keys, records = (
                    np.zeros(2 * len(keys), KEY),
                    np.zeros(2 * len(keys), RECORD),
                )
                continue
            if count:
                yield keys[:count], records[:count]
            if cursor is None:
                return

    def counters(self, slots: list[int]) -> Array:
        """Counters summed over CPUs: COUNTERS (SLOTS, HOOKS), zero for other slots."""
        sums = np.zeros((SLOTS, HOOKS), COUNTERS)
        row = np.zeros(self._cpus, COUNTERS)
        for slot in slots:
            for hook in range(HOOKS):
                bpf.map_lookup(self._maps["counters"], slot * HOOKS + hook, row)
                words = row.view(np.uint64).reshape(self._cpus, -1).sum(axis=0)
                sums[slot, hook] = words.astype(np.uint64).view(COUNTERS)[0]
        return sums

    def clear_counters(self, slot: int) -> None:
        """Zero a slot's counters before another interface takes it."""
        for hook in range(HOOKS):
            row = np.zeros(self._cpus, COUNTERS)
            bpf.map_update(self._maps["counters"], slot * HOOKS + hook, row)

    def close_flows(self, first: int, asked: Array) -> Array:
        """Close flows through the ring's entries from `first` on; returns them answered.

        asked: dtype CLOSING, with key, id and sequence set and at most CHUNK rows. The
        returned array is overwritten by the next call.
        """
        ring = self._maps["closing"]
        bpf.map_update_range(ring, first, asked)
        self._go_through("weir_close", LIST_CLOSING, first, len(asked))
        answered = self._closing[: len(asked)]
        bpf.map_read_range(ring, first, answered)
        return answered

    def ring(self, entries: int) -> Iterator[tuple[int, Array]]:
        """Index of each chunk's first entry, and the chunk (CLOSING), overwritten later."""
        for first in range(0, entries, CHUNK):
            chunk = self._closing[: min(CHUNK, entries - first)]
            bpf.map_read_range(self._maps["closing"], first, chunk)
            yield first, chunk

    def set_verdicts(self, verdicts: Array) -> None:
        """Write classes into live records (dtype VERDICT, at most VERDICTS rows)."""
        bpf.map_update_range(self._maps["verdicts"], 0, verdicts)
        self._go_through("weir_verdict", LIST_VERDICTS, 0, len(verdicts))

    def _go_through(self, program: str, which: int, first: int, count: int) -> None:
        if not count:
            return
        cursor = np.array([(first, first + count)], CURSOR)
        bpf.map_update(self._maps["cursors"], which, cursor)
        while int(cursor["next"][0]) < int(cursor["end"][0]):
            # A signal ends a run early; the cursor knows how far it came.
            bpf.run(self._programs[program], repeat=count)
            bpf.map_lookup(self._maps["cursors"], which, cursor)

    def set_interface(self, ifindex: int, slot: int, flags: int) -> None:
        """Have programs count an interface."""
        value = np.array([(ifindex, slot, flags, 0)], INTERFACE)
        bpf.map_update(self._maps["interfaces"], ifindex % INTERFACE_ENTRIES, value)

    def clear_interface(self, ifindex: int) -> None:
        """Have programs ignore an interface."""
        value = np.zeros(1, INTERFACE)
        bpf.map_update(self._maps["interfaces"], ifindex % INTERFACE_ENTRIES, value)

    def slots(self) -> Array:
        """Which interface each slot stands for: dtype SLOT, shape (SLOTS,)."""
        out = np.zeros(SLOTS, SLOT)
        bpf.map_read_range(self._maps["slots"], 0, out)
        return out

    def set_slot(self, slot: int, name: str, ifindex: int, flags: int) -> None:
        """Name a slot's interface; flags 0 frees it."""
        value = np.array([(name.encode(), ifindex, flags)], SLOT)
        bpf.map_update(self._maps["slots"], slot, value)

    def set_classes(self, by_port: Array, by_dscp: Array) -> None:
        """First guess at a class: uint8 of shape (65536,) and (64,)."""
        for name, classes in (("port_classes", by_port), ("dscp_classes", by_dscp)):
            bpf.map_update_range(
                self._maps[name], 0, np.ascontiguousarray(classes, np.uint8)
            )

    def set_matches(self, table: Array) -> None:
        """What the operator says of flows that begin from now on: MATCH_TABLE (1,)."""
        tables = np.zeros(1, MATCH_TABLES)
        bpf.map_lookup(self._maps["matches"], 0, tables)
        following = 1 - tables["current"][0]
        tables["tables"][0, following] = table[0]
        bpf.map_update(self._maps["matches"], 0, tables)
        # All else stands there already: programs notice this one word.
        tables["current"] = following
        bpf.map_update(self._maps["matches"], 0, tables)

    def reclassify(self, rows: Array) -> None:
        """Have living flows follow the table: FLOW_DELTA of a walk that began after it."""
        for first in range(0, len(rows), VERDICTS):
            chosen = rows[first : first + VERDICTS]
            asked = np.zeros(len(chosen), VERDICT)
            asked["key"], asked["id"] = keys_of(chosen, KEY), chosen["id"]
            asked["class"] = CLASS_KEEP
            self.set_verdicts(asked)

    def set_limit(self, number: int, limit: Array) -> None:
        """What each flow that has a number (1 to 63) may have: LIMIT (1,)."""
        bpf.map_update(self._maps["flow_limits"], number, limit)

    def limited(self) -> Array:
        """What each limit found too much, in all: VOLUME (LIMITS,)."""
        rows = np.zeros((LIMITS, self._cpus), VOLUME)
        for number in range(LIMITS):
            bpf.map_lookup(self._maps["limited"], number, rows[number])
        words = rows.view(np.uint64).reshape(LIMITS, self._cpus, 3).sum(axis=1)
        sums: Array = words.astype(np.uint64).view(VOLUME).reshape(LIMITS)
        return sums

    def set_filter(self, tests: Array) -> None:
        """The filter (dtype FILTER, shape (1,)) of interfaces that have the flag."""
        bpf.map_update(self._maps["filter"], 0, tests)

    def set_shaping(self, slot: int, hook: int, row: Array) -> None:
        """What becomes of packets of one direction of an interface: SHAPING (1,)."""
        bpf.map_update(self._maps["shaping"], slot * HOOKS + hook, row)

    def shaping(self, slot: int, hook: int) -> Array:
        """The row that set_shaping wrote: SHAPING (1,)."""
        row = np.zeros(1, SHAPING)
        bpf.map_lookup(self._maps["shaping"], slot * HOOKS + hook, row)
        return row

    def set_policer(self, slot: int, hook: int, number: int, bucket: Array) -> None:
        """Limit one class (by number) of one direction: BUCKET (1,), written under lock."""
        index = (slot * HOOKS + hook) * CLASSES + number
        bpf.map_update(self._maps["policers"], index, bucket, bpf.F_LOCK)

    def policer(self, slot: int, hook: int, number: int) -> Array:
        """A class's policer and what it found too much: BUCKET (1,)."""
        bucket = np.zeros(1, BUCKET)
        index = (slot * HOOKS + hook) * CLASSES + number
        bpf.map_lookup(self._maps["policers"], index, bucket, bpf.F_LOCK)
        return bucket

    def write_bookmark(
        self, bookmark: Array, reported: Array | None, max_flows: int
    ) -> None:
        """Keep what a batch is about to report: BOOKMARK (1,), REPORTED (flows,).

        reported None: the list stays as it is.
        """
        half = int(bookmark["sequence"][0]) % 2
        if reported is not None:
            bpf.map_update_range(self._maps["reported"], half * max_flows, reported)
        bpf.map_update(self._maps["bookmarks"], half, bookmark)

    def bookmarks(self) -> Array:
        """Both bookmarks: dtype BOOKMARK, shape (2,)."""
        out = np.zeros(2, BOOKMARK)
        bpf.map_read_range(self._maps["bookmarks"], 0, out)
        return out

    def reported(self, half: int, count: int, max_flows: int) -> Array:
        """Entries of one bookmark's list: dtype REPORTED, shape (count,)."""
        out = np.zeros(count, REPORTED)
        bpf.map_read_range(self._maps["reported"], half * max_flows, out)
        return out

    def sizes(self) -> dict[str, int]:
        """Entries that the adopted maps were made with, by name."""
        return {name: bpf.map_entries(self._maps[name]) for name in ("flows", "closing")}
