"""A spool through cut files, rot, full disks and kill -9: what was kept is delivered."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from agent.ship.spool import AppendRefused, SpoolError
from tests.agent.ship.filling import LENGTH, drained, filled, spool
from tests.agent.ship.support import BOOT, MINUTE_NS, parcel
from tests.support.campaigns import count


@settings(max_examples=30)
@given(st.data())
def test_cut_at_any_byte_the_next_process_has_the_whole_parcels(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("cut")
    filled(directory, range(1, 6)).close()
    (path,) = directory.glob("*.segment")
    cut = data.draw(st.integers(0, 5 * LENGTH))
    os.truncate(path, cut)
    again = spool(directory)
    again.append(parcel(6), 6 * MINUTE_NS)
    assert drained(again) == [*range(1, cut // LENGTH + 1), 6]
    assert again.last_sequence(BOOT) == 6


def test_a_parcel_that_rots_while_it_waits_is_passed_over_and_counted(tmp_path):
    kept = filled(tmp_path, range(1, 4))
    (path,) = tmp_path.glob("*.segment")
    data = bytearray(path.read_bytes())
    data[LENGTH - 1] ^= 1
    path.write_bytes(data)
    assert drained(kept) == [2, 3]
    assert kept.state().damaged_bytes == LENGTH


def test_a_file_that_may_not_grow_refuses_and_keeps_what_is_there(tmp_path):
    kept = filled(tmp_path, range(1, 4))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * LENGTH + 20, hard))
    try:
        with pytest.raises(AppendRefused, match="File too large: free some space"):
            kept.append(parcel(4), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept.state().refused_batches == 1
    kept.append(parcel(4, body=b"the interval, kept open"), 0)
    kept.close()
    assert drained(spool(tmp_path)) == [1, 2, 3, 4]


@pytest.mark.root
def test_a_full_disk_refuses_and_lets_what_is_there_be_delivered(tmp_path):
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True
    )
    try:
        kept = spool(tmp_path, max_bytes=1 << 20)
        sequence = 0
        for n in range(1, 20):
            kept.append(parcel(n, body=os.urandom(1500)), 0)
            sequence = n
        with pytest.raises(AppendRefused, match="No space left on device"):
            kept.append(parcel(sequence + 1, body=os.urandom(60_000)), 0)
        for _ in range(3):
            with pytest.raises(AppendRefused):
                kept.append(parcel(sequence + 1, body=os.urandom(60_000)), 0)
        assert kept.state().refused_batches == 4
        assert kept.last_sequence(BOOT) == sequence
        assert drained(kept) == list(range(1, sequence + 1))
        kept.append(parcel(sequence + 1, body=os.urandom(5000)), 0)
        kept.close()
        assert drained(spool(tmp_path)) == [sequence + 1]
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


WRITER = """
import os, sys, pathlib
from agent.ship.spool import Spool
from tests.agent.ship.support import BOOT, parcel
spool = Spool(pathlib.Path(sys.argv[1]), 1 << 40, 1 << 62)
while True:
    sequence = spool.last_sequence(BOOT) + 1
    spool.append(parcel(sequence, body=os.urandom(sequence * 37 % 9000)), 0)
    os.write(1, b"kept %d\\n" % sequence)
    if sequence % 3 == 0:
        oldest = spool.oldest()
        os.write(1, b"sent %d\\n" % oldest.sequence)
        spool.acknowledge()
"""


@pytest.mark.campaign
def test_kill_9_loses_nothing_that_was_kept(tmp_path):
    kept: list[int] = []
    sent: list[int] = []
    chance = random.Random(3)
    for _ in range(count(8, 100)):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        first = process.stdout.readline()
        time.sleep(chance.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        for line in (first + process.communicate()[0]).splitlines():
            verb, _, number = line.partition(b" ")
            if number:
                (kept if verb == b"kept" else sent).append(int(number))
    again = spool(tmp_path, 1 << 40, 1 << 62)
    last = again.last_sequence(BOOT)
    waiting = drained(again)
    assert kept == sorted(kept)
    assert last >= kept[-1]
    assert waiting == list(range(waiting[0], last + 1))
    # One may have been on its way when each life ended; nothing else is sent twice.
    assert waiting[0] <= sent[-1] + 1
    assert len(sent) - len(set(sent)) <= count(8, 100)
    assert sorted(set(sent)) == list(range(1, sent[-1] + 1))


def test_errors_of_the_system_are_named(tmp_path, monkeypatch):
    kept = filled(tmp_path, range(1, 3))

    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(SpoolError, match="Input/output error"):
        kept.oldest()
    monkeypatch.undo()
    assert drained(kept) == [1, 2]
