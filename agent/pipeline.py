"""One tick of the agent: every room once, in order. Read this first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.capture import reader
from agent.capture.layout import BOOKMARK, CLOSING, KEY, REPORTED
from agent.capture.ring import Ring
from agent.flows.expiry import Timeouts, ended
from agent.flows.interval import directions
from agent.flows.table import Known, merge
from agent.plugins import Plugins
from agent.records import FLOW_DELTA, Counters, Ending, Interface, Outputs, Tick
from agent.sketch.store import Origin, Store
from wire.batch import Batch

Array = npt.NDArray[Any]


class Kernel(Protocol):
    """What the pipeline asks of the maps (agent.capture.loader.kernel)."""

    def walk(self) -> tuple[Array, Array]:
        """Rows of the live flows, and their volumes by slot and hook."""

    def counters(self, slots: list[int]) -> Array:
        """layout.COUNTERS by slot and hook."""

    def close_flows(self, first: int, asked: Array) -> Array:
        """Close flows through ring entries from `first` on."""

    def write_bookmark(
        self, bookmark: Array, reported: Array | None, max_flows: int
    ) -> None:
        """Keep what a batch is about to report."""


class Watch(Protocol):
    """What the pipeline asks of the interfaces (agent.capture.watch)."""

    def refresh(self) -> list[str]:
        """Follow the links."""

    def used(self) -> list[int]:
        """Slots in use."""

    def left(self) -> list[int]:
        """Slots whose interface is gone."""

    def silent(self, seen: Array) -> list[str]:
        """Hooks that see nothing of what their interface carries."""

    def free(self, slot: int) -> None:
        """Give a slot back."""

    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces behind the slots."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Rhythm and bounds."""

    origin: Origin  # its sequence is that of the first batch to come
    timeouts: Timeouts
    walk_ns: int
    batch_ns: int
    max_flows: int
    close_chunk: int


@dataclass(slots=True)
class Pipeline:
    """The agent's state between ticks. One thread at a time."""

    kernel: Kernel
    watch: Watch
    ring: Ring
    store: Store
    settings: Settings
    sequence: int  # of the batch that is being gathered
    known: Known
    reported: Counters  # at the last batch
    late: Array  # rows that a previous agent closed and did not report
    counters: Counters = field(default_factory=Counters.none)
    live: Array = field(default_factory=lambda: np.zeros(0, FLOW_DELTA))
    pending: Batch | None = None  # closed, not yet on disk
    bookmark: Array = field(default_factory=lambda: np.zeros(1, BOOKMARK))
    next_walk_ns: int = 0
    next_batch_ns: int = 0
    walked_ns: int = 0  # unix time of the last walk
    plugins: Plugins = field(default_factory=Plugins)
    silent: list[str] = field(default_factory=list)
    leaving: dict[int, int] = field(default_factory=dict)  # slot: batch with its last word

    def step(self, tick: Tick) -> Outputs:
        """Do what is due. Times are monotonic; the tick carries the unix offset."""
        notes = self.watch.refresh()
        if not self.next_batch_ns:
            self.next_batch_ns = tick.now_ns + self.settings.batch_ns
        batch_due = self.pending is None and (
            tick.now_ns >= self.next_batch_ns or tick.closing or self._ring_is_low()
        )
        if batch_due or tick.now_ns >= self.next_walk_ns:
            self.next_walk_ns = tick.now_ns + self.settings.walk_ns
            self._walk(tick)
            self.walked_ns = tick.now_ns + tick.unix_offset_ns
            self.silent = self.watch.silent(self.counters.seen)
        else:
            self._count()
        if batch_due or (self.pending is None and self._ring_is_low()):
            self.next_batch_ns = tick.now_ns + self.settings.batch_ns
            self._seal(tick)
        return Outputs(batch=self.pending, notes=tuple(notes))

    def _ring_is_low(self) -> bool:
        return self.ring.free < self.ring.entries // 8

    def _count(self) -> None:
        """Read the counters between walks; what flows hold is known from the last one."""
        raw = self.kernel.counters(self.watch.used())
        self.counters = reader.counters(raw, self.counters.flows - reader.ended(raw))

    def _walk(self, tick: Tick) -> None:
        self.live = self.live[:0]  # Its memory is needed for the next.
        rows, volumes = self.kernel.walk()
        # Nothing closes between the walk and these counters, so they add up to one moment.
        self.counters = reader.counters(self.kernel.counters(self.watch.used()), volumes)
        endings = ended(rows, tick.now_ns, self.settings.timeouts, self.settings.max_flows)
        left = self.watch.left()
        if left:
            endings[np.isin(rows["slot"], left)] = Ending.SHUTDOWN
        if tick.closing and tick.final:
            endings[:] = Ending.SHUTDOWN
        closed = self._close(rows, endings, tick.now_ns)
        if len(self.late):
            closed = np.concatenate((closed, self.late))
            self.late = closed[:0]
        live = rows[~np.isin(rows["id"], closed["id"])] if len(closed) else rows
        still = set(np.unique(live["slot"]).tolist())
        del rows
        merged = merge(self.known, live, closed, tick.unix_offset_ns)
        self.known = merged.known
        self.live = merged.live
        if self.plugins.all:
            self.plugins.hear(merged.deltas)
        self.store.feed(
            merged.deltas, self.watch.interfaces(), tick.now_ns + tick.unix_offset_ns
        )
        for slot in left:
            if slot not in still:
                self.leaving.setdefault(slot, self.sequence)

    def _close(self, rows: Array, endings: Array, tick_ns: int) -> Array:
        """Close ended flows, as many as the ring has room for; their last rows."""
        chosen = np.flatnonzero(endings)
        parts = [np.zeros(0, FLOW_DELTA)]
        while len(chosen):
            wanted = min(len(chosen), self.settings.close_chunk)
            first, count = self.ring.take(wanted, self.sequence)
            if not count:
                # The rest ends as soon as this batch is on disk.
                self.next_walk_ns = tick_ns
                break
            now, chosen = chosen[:count], chosen[count:]
            asked = np.zeros(count, CLOSING)
            asked["key"] = reader.keys_of(rows[now], KEY)
            asked["id"] = rows["id"][now]
            asked["sequence"] = self.sequence
            asked["status"] = reader.ASKED
            asked["reason"] = endings[now]
            parts.append(reader.closed_rows(self.kernel.close_flows(first, asked)))
        return np.concatenate(parts)

    def _seal(self, tick: Tick) -> None:
        bookmark = self.bookmark = np.zeros(1, BOOKMARK)
        bookmark["sequence"] = self.sequence
        bookmark["flows"] = len(self.known.id)
        reader.write_counters(bookmark, self.counters)
        entries = np.zeros(len(self.known.id), REPORTED)
        entries["id"] = self.known.id
        entries["packets"] = self.known.packets
        entries["bytes"] = self.known.bytes
        self.kernel.write_bookmark(bookmark, entries, self.settings.max_flows)
        origin = self.settings.origin
        self.pending = self.store.seal(
            Origin(
                origin.agent,
                origin.boot,
                self.sequence,
                origin.agent_version,
                origin.hostname,
            ),
            tick.now_ns + tick.unix_offset_ns,
            directions(self.watch.interfaces(), self.counters, self.reported),
            tick.health,
        )
        self.reported = self.counters

    def committed(self) -> None:
        """The pending batch is on disk: what it reported need not be kept any more."""
        self.ring.commit(self.sequence)
        gone = [
            slot for slot, sequence in self.leaving.items() if sequence <= self.sequence
        ]
        for slot in gone:
            self.watch.free(slot)
            del self.leaving[slot]
            for counters in (self.counters, self.reported):
                for array in counters.arrays():
                    array[slot] = 0
        if gone:
            # The slot's next interface begins at zero, also for an agent that starts anew.
            reader.write_counters(self.bookmark, self.reported)
            self.kernel.write_bookmark(self.bookmark, None, self.settings.max_flows)
        self.pending = None
        self.sequence += 1

    def conservation(self) -> Counters:
        """Both sides of the equation now: exact where the link is quiet for one walk."""
        _, volumes = self.kernel.walk()
        return reader.counters(self.kernel.counters(self.watch.used()), volumes)

    def health(self) -> Mapping[str, int]:
        """What a batch says about the agent itself."""
        return {
            "flows_live": len(self.known.id),
            "flows_max": self.settings.max_flows,
            "closing_free": self.ring.free,
        }
