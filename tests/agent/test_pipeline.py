"""Ticks of the agent, as a conversation with a kernel and interfaces made of plain data."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from agent.capture.layout import BOOKMARK, CLOSING, CLOSING_DONE, COUNTERS, REPORTED, SLOTS
from agent.capture.recovery import recover
from agent.capture.ring import Ring
from agent.flows.expiry import Timeouts
from agent.flows.table import Known
from agent.pipeline import Pipeline, Settings
from agent.records import FLOW_DELTA, Counters, Interface, Tick
from agent.sketch.store import Origin, Settings as StoreSettings, Store

SECOND = 1_000_000_000
UNIX = 1_700_000_000 * SECOND
CLIENT = np.frombuffer(bytes(10) + b"\xff\xff\x0a\x00\x00\x02", np.uint8)
SERVER = np.frombuffer(bytes(10) + b"\xff\xff\xc0\x00\x02\x01", np.uint8)


@dataclass
class PlainKernel:
    """Flows of one interface, slot 0, received only; one unit of 100 bytes a packet."""

    packets: dict[int, int] = field(default_factory=dict)  # by flow id
    last_ns: dict[int, int] = field(default_factory=dict)
    ended: int = 0
    ring_entries: dict[int, np.void] = field(default_factory=dict)
    bookmark: dict[int, np.ndarray] = field(default_factory=dict)
    lists: dict[int, np.ndarray] = field(default_factory=dict)

    def receive(self, identity, packets, now_ns):
        self.packets[identity] = self.packets.get(identity, 0) + packets
        self.last_ns[identity] = now_ns

    def walk(self):
        rows = np.zeros(len(self.packets), FLOW_DELTA)
        for row, (identity, packets) in zip(rows, self.packets.items(), strict=True):
            row["id"] = row["tuple"] = identity
            row["source"], row["destination"] = CLIENT, SERVER
            row["source_port"], row["destination_port"] = 1000 + identity, 443
            row["protocol"], row["family"], row["key_family"] = 6, 4, 4
            row["total_packets"] = (packets, 0)
            row["total_bytes"] = (packets * 100, 0)
            row["first_ns"] = row["last_ns"] = self.last_ns[identity]
        volumes = np.zeros((SLOTS, 2, 3), np.uint64)
        total = sum(self.packets.values())
        volumes[0, 0] = (total, total, total * 100)
        return rows, volumes

    def counters(self, slots):
        raw = np.zeros((SLOTS, 2), COUNTERS)
        total = sum(self.packets.values()) + self.ended
        raw["seen"][0, 0] = (total, total, total * 100)
        raw["ended"][0, 0] = (self.ended, self.ended, self.ended * 100)
        return raw

    def close_flows(self, first, asked):
        answered = asked.copy()
        for index, entry in enumerate(answered):
            packets = self.packets.pop(int(entry["id"]))
            self.ended += packets
            entry["status"] = CLOSING_DONE
            entry["record"]["id"] = entry["id"]
            entry["record"]["volume"][0, 0] = (packets, packets, packets * 100)
            entry["record"]["first_ns"] = entry["record"]["last_ns"] = 1
            self.ring_entries[first + index] = entry.copy()
        return answered

    def write_bookmark(self, bookmark, reported, max_flows):
        half = int(bookmark["sequence"][0]) % 2
        self.bookmark[half] = bookmark.copy()
        if reported is not None:
            self.lists[half] = reported.copy()

    # What recovery reads.
    def bookmarks(self):
        out = np.zeros(2, BOOKMARK)
        for half, kept in self.bookmark.items():
            out[half] = kept[0]
        return out

    def reported(self, half, count, max_flows):
        return self.lists.get(half, np.zeros(0, REPORTED))[:count]

    def slots(self):
        out = np.zeros(SLOTS, [("name", "S16"), ("ifindex", "<u4"), ("flags", "<u4")])
        out[0] = (b"eth0", 2, 1)
        return out

    def ring(self, entries):
        chunk = np.zeros(entries, CLOSING)
        for index, entry in self.ring_entries.items():
            chunk[index] = entry
        yield 0, chunk


class PlainWatch:
    """eth0 in slot 0, until it goes."""

    def __init__(self):
        self.gone = False
        self.freed = []

    def refresh(self):
        return []

    def used(self):
        return [] if self.freed else [0]

    def left(self):
        return [0] if self.gone and not self.freed else []

    def free(self, slot):
        self.freed.append(slot)

    def silent(self, seen):
        return []

    def interfaces(self):
        if self.freed:
            return ()
        return (
            Interface(
                "eth0", 2, 0, "02:00:00:00:00:01", 1500, 0, (), not self.gone, "tcx", "tcx"
            ),
        )


def pipeline(kernel, last_sequence=0, entries=64):
    found = recover(kernel, last_sequence, entries, 1000)
    ring = Ring(entries)
    ring.adopt(found.ring_first, found.ring_used, found.sequence)
    flows = found.flows
    return Pipeline(
        kernel=kernel,
        watch=PlainWatch(),
        ring=ring,
        store=Store(StoreSettings(), UNIX),
        settings=Settings(
            origin=Origin("edge", bytes(16), found.sequence, "1", "host"),
            timeouts=Timeouts(20 * SECOND, 1000 * SECOND, 5 * SECOND),
            walk_ns=10 * SECOND,
            batch_ns=60 * SECOND,
            max_flows=1000,
            close_chunk=16,
        ),
        sequence=found.sequence,
        known=Known(
            flows["id"], flows["packets"], flows["bytes"], flows["id"] == 0, elected=False
        ),
        reported=found.reported,
        late=found.late,
        counters=Counters.none(),
    )


def tick(second, **options):
    return Tick(now_ns=second * SECOND, unix_offset_ns=UNIX, **options)


def told(batch):
    """(packets seen, packets in flows, packets that endpoints sent)."""
    rx = batch.interfaces[0].rx
    return (
        rx.seen.packets,
        rx.flows.packets,
        int(batch.endpoints.totals["packets_out"].sum()),
    )


def test_a_batch_is_due_after_its_interval_and_tells_what_was_counted():
    kernel = PlainKernel()
    running = pipeline(kernel)
    kernel.receive(1, 7, SECOND)
    assert running.step(tick(1)).batch is None
    kernel.receive(1, 3, 30 * SECOND)
    batch = running.step(tick(61)).batch
    assert told(batch) == (10, 10, 10)
    running.committed()
    kernel.receive(1, 5, 62 * SECOND)
    assert told(running.step(tick(121)).batch) == (5, 5, 5)


def test_a_batch_that_the_disk_refused_waits_and_nothing_is_added_to_it():
    kernel = PlainKernel()
    running = pipeline(kernel)
    kernel.receive(1, 7, SECOND)
    running.step(tick(1))
    refused = running.step(tick(61)).batch
    kernel.receive(1, 4, 62 * SECOND)
    assert running.step(tick(200)).batch is refused
    running.committed()
    following = running.step(tick(201, closing=True)).batch
    assert (refused.sequence, following.sequence) == (1, 2)
    assert told(refused) == (7, 7, 7)
    assert told(following) == (4, 4, 4)


def test_flows_that_ended_are_in_the_batch_and_out_of_the_kernel():
    kernel = PlainKernel()
    running = pipeline(kernel)
    kernel.receive(1, 7, SECOND)
    running.step(tick(1))
    running.step(tick(40))
    assert kernel.packets == {}
    assert told(running.step(tick(61)).batch) == (7, 7, 7)


def test_a_full_ring_closes_the_batch_early():
    kernel = PlainKernel()
    running = pipeline(kernel, entries=16)
    for identity in range(1, 41):
        kernel.receive(identity, 1, 0)
    told_in_all = 0
    for second, left in ((30, 24), (31, 8)):
        told_in_all += told(running.step(tick(second)).batch)[2]
        running.committed()
        assert len(kernel.packets) == left
    assert running.step(tick(32)).batch is None
    assert kernel.packets == {}
    told_in_all += told(running.step(tick(61, closing=True)).batch)[2]
    assert told_in_all == 40


@pytest.mark.parametrize(
    "crash", ["before the batch", "after the bookmark", "after the batch"]
)
def test_the_next_agent_reports_the_rest_and_nothing_twice(crash):
    kernel = PlainKernel()
    first = pipeline(kernel)
    kernel.receive(1, 7, SECOND)
    kernel.receive(2, 2, SECOND)
    first.step(tick(1))
    on_disk = []
    if crash != "before the batch":
        # Flow 2 is idle by then and closed.
        kernel.receive(1, 1, 60 * SECOND)
        batch = first.step(tick(61)).batch
        if crash == "after the batch":
            on_disk.append(batch)
    kernel.receive(1, 5, 63 * SECOND)

    second = pipeline(kernel, last_sequence=len(on_disk))
    second.step(tick(70))
    on_disk.append(second.step(tick(131, closing=True)).batch)
    total = 7 + 2 + 5 + (crash != "before the batch")
    assert sum(told(batch)[0] for batch in on_disk) == total
    assert sum(told(batch)[1] for batch in on_disk) == total
    assert sum(told(batch)[2] for batch in on_disk) == total
    assert [batch.sequence for batch in on_disk] == list(range(1, len(on_disk) + 1))


def test_a_lost_spool_means_that_the_newest_bookmark_counts_as_reported():
    kernel = PlainKernel()
    first = pipeline(kernel)
    for second in (1, 2, 3):
        kernel.receive(1, 10, second * SECOND)
        first.step(tick(second, closing=True))
        first.committed()
    kernel.receive(1, 5, 4 * SECOND)
    after = pipeline(kernel, last_sequence=0)
    batch = after.step(tick(5, closing=True)).batch
    assert batch.sequence == 4
    assert told(batch) == (5, 5, 5)


def test_an_interface_that_goes_is_reported_before_its_slot_is_free():
    kernel = PlainKernel()
    running = pipeline(kernel)
    kernel.receive(1, 7, SECOND)
    running.step(tick(1))
    running.watch.gone = True
    batch = running.step(tick(61)).batch
    assert told(batch) == (7, 7, 7)
    assert not batch.interfaces[0].is_up
    assert running.watch.freed == []
    running.committed()
    assert running.watch.freed == [0]
    assert not running.reported.seen.any()


def test_stopping_ends_every_flow():
    kernel = PlainKernel()
    running = pipeline(kernel)
    for identity in range(1, 6):
        kernel.receive(identity, 2, SECOND)
    running.step(tick(1))
    batch = running.step(tick(2, closing=True, final=True)).batch
    assert told(batch) == (10, 10, 10)
    assert kernel.packets == {}
    assert not len(running.live)
