from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.ship.parcel import write
from agent.ship.spool import AppendRefused, SpoolError
from tests.agent.ship.filling import LENGTH, drained, filled, spool
from tests.agent.ship.support import BOOT, MINUTE_NS, parcel


def test_parcels_leave_in_the_order_they_came_and_whole(tmp_path):
    kept = spool(tmp_path)
    sent = [parcel(n, body=os.urandom(n * 10), coding="zstd") for n in range(1, 6)]
    for item in sent:
        kept.append(item, item.created_ns)
    for item in sent:
        assert kept.oldest() == item
        kept.acknowledge()
    assert kept.oldest() is None
    assert kept.state().batches == 0


def test_the_oldest_stays_until_it_is_acknowledged(tmp_path):
    kept = filled(tmp_path, range(1, 3))
    assert kept.oldest().sequence == 1
    assert kept.oldest().sequence == 1
    kept.acknowledge()
    assert kept.oldest().sequence == 2


def test_acknowledging_twice_forgets_one(tmp_path):
    kept = filled(tmp_path, range(1, 4))
    kept.oldest()
    kept.acknowledge()
    kept.acknowledge()
    assert drained(kept) == [2, 3]


def test_the_next_process_goes_on_behind_the_last_acknowledged(tmp_path):
    kept = filled(tmp_path, range(1, 6))
    for _ in range(2):
        kept.oldest()
        kept.acknowledge()
    kept.close()
    assert drained(spool(tmp_path)) == [3, 4, 5]


def test_a_sequence_is_used_once(tmp_path):
    kept = filled(tmp_path, range(1, 3))
    with pytest.raises(ValueError, match="sequence 2 has been used"):
        kept.append(parcel(2), 0)
    kept.append(parcel(1, boot=bytes(16)), 0)
    assert drained(kept) == [1, 2, 1]


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    kept = filled(tmp_path, range(1, 60))
    kept.append(parcel(100), 100 * MINUTE_NS)
    state = kept.state()
    assert (state.dropped_batches, state.dropped_endpoints) == (39, 117)
    assert state.dropped_bytes == 39 * LENGTH
    assert state.oldest_ns == 40 * MINUTE_NS
    assert drained(kept) == [*range(40, 60), 100]


def test_a_full_spool_drops_its_oldest_segment_and_counts_it(tmp_path):
    kept = filled(tmp_path, range(1, 33), max_bytes=32 * LENGTH)
    assert kept.state().dropped_batches == 0
    kept.append(parcel(33), 33 * MINUTE_NS)
    state = kept.state()
    assert state.dropped_batches == 2  # a segment of 1/16
    assert state.dropped_bytes == 2 * LENGTH
    assert state.disk_bytes <= 32 * LENGTH
    assert drained(kept) == list(range(3, 34))


def test_the_bound_holds_whatever_the_sizes(tmp_path):
    kept = spool(tmp_path, max_bytes=5000)
    chance = random.Random(7)
    for n in range(1, 300):
        kept.append(parcel(n, body=bytes(chance.randrange(3000))), n)
        state = kept.state()
        assert state.disk_bytes <= 5000
        assert state.batches + state.dropped_batches == n
    on_disk = sum(path.stat().st_size for path in tmp_path.glob("*.segment"))
    assert on_disk == state.disk_bytes


def test_a_parcel_larger_than_the_spool_is_refused(tmp_path):
    kept = filled(tmp_path, range(1, 3), max_bytes=1000)
    with pytest.raises(AppendRefused, match="a batch of 1084 bytes: raise buffer_mb"):
        kept.append(parcel(3, body=bytes(1024)), 0)
    assert kept.state().refused_batches == 1
    assert drained(kept) == [1, 2]


@pytest.mark.parametrize(("delivered", "dropped"), [(True, 1), (False, 2)])
def test_a_parcel_that_makes_room_while_on_its_way_counts_by_its_fate(
    tmp_path, delivered, dropped
):
    kept = filled(tmp_path, range(1, 33), max_bytes=32 * LENGTH)
    assert kept.oldest().sequence == 1
    kept.append(parcel(33), 33 * MINUTE_NS)
    if delivered:
        kept.acknowledge()
    assert kept.oldest().sequence == 3
    assert kept.state().dropped_batches == dropped


def test_the_last_sequence_outlives_everything(tmp_path):
    kept = filled(tmp_path, range(1, 9))
    assert kept.last_sequence(BOOT) == 8
    assert kept.last_sequence(bytes(16)) == 0
    kept.close()
    for path in tmp_path.glob("*.segment"):
        path.unlink()
    again = spool(tmp_path)
    assert again.last_sequence(BOOT) == 8
    again.append(parcel(9), 0)
    assert drained(again) == [9]


def test_the_last_sequence_is_found_without_the_mark(tmp_path):
    filled(tmp_path, range(1, 9)).close()
    (tmp_path / "mark").unlink()
    assert spool(tmp_path).last_sequence(BOOT) == 8


def test_everything_delivered_leaves_no_more_than_one_segment(tmp_path):
    kept = filled(tmp_path, range(1, 100), max_bytes=160 * LENGTH)
    drained(kept)
    assert len(list(tmp_path.glob("*.segment"))) == 1
    kept.close()
    spool(tmp_path)
    assert list(tmp_path.glob("*.segment")) == []


def test_a_second_process_is_refused(tmp_path):
    first = spool(tmp_path)
    with pytest.raises(SpoolError, match="in use: stop the other agent"):
        spool(tmp_path)
    first.close()
    spool(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="Not a directory: see to data_dir"):
        spool(tmp_path / "file" / "spool")


def test_others_cannot_read_it(tmp_path):
    filled(tmp_path / "spool", range(1, 3))
    modes = {
        path.stat().st_mode & 0o077 for path in (tmp_path / "spool").rglob("*.segment")
    }
    assert modes == {0}
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_a_parcel_set_aside_is_kept_and_the_queue_goes_on(tmp_path):
    kept = filled(tmp_path, range(1, 4))
    kept.oldest()
    kept.set_aside()
    state = kept.state()
    assert (state.quarantined_batches, state.dropped_batches) == (1, 0)
    (kept_file,) = (tmp_path / "quarantine").iterdir()
    assert kept_file.read_bytes() == write(parcel(1))
    assert drained(kept) == [2, 3]


def test_the_quarantine_is_bounded_and_what_leaves_it_counts_as_dropped(tmp_path):
    kept = spool(tmp_path, max_bytes=40 * LENGTH)  # five in quarantine
    for n in range(1, 9):
        kept.append(parcel(n), 0)
        kept.oldest()
        kept.set_aside()
    state = kept.state()
    assert (state.quarantined_batches, state.dropped_batches) == (8, 3)
    assert state.dropped_bytes == 3 * LENGTH
    assert len(list((tmp_path / "quarantine").iterdir())) == 5


class Conversation(RuleBasedStateMachine):
    """Any order of calls, restarts and crashes against a list."""

    def __init__(self):
        super().__init__()
        self.directory = Path(os.environ["PYTEST_SPOOLS"]) / os.urandom(8).hex()
        self.spool = spool(self.directory)
        self.waiting: list[int] = []
        self.lent = False
        self.sequence = 0

    @rule(size=st.integers(0, 200))
    def append(self, size):
        self.sequence += 1
        self.spool.append(parcel(self.sequence, body=bytes(size), created_ns=0), 0)
        self.waiting.append(self.sequence)

    @rule()
    def ask(self):
        oldest = self.spool.oldest()
        assert (oldest.sequence if oldest else None) == next(iter(self.waiting), None)
        self.lent = oldest is not None

    @rule(aside=st.booleans())
    def settle(self, aside):
        (self.spool.set_aside if aside else self.spool.acknowledge)()
        if self.lent:
            self.waiting.pop(0)
        self.lent = False

    @rule(torn=st.binary(max_size=50))
    def crash(self, torn):
        self.spool.close()
        segments = sorted(self.directory.glob("*.segment"))
        if segments:
            with segments[-1].open("ab") as file:
                file.write(torn)
        self.spool = spool(self.directory)
        self.lent = False

    @invariant()
    def counts_agree(self):
        assert self.spool.state().batches == len(self.waiting)
        assert self.spool.last_sequence(BOOT) == self.sequence

    def teardown(self):
        self.spool.close()


def test_any_conversation_keeps_order_and_content(tmp_path, monkeypatch):
    from hypothesis.stateful import run_state_machine_as_test

    monkeypatch.setenv("PYTEST_SPOOLS", str(tmp_path))
    run_state_machine_as_test(Conversation, settings=settings(max_examples=40))
