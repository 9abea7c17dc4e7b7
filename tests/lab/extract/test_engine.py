"""The door to the compiled engine: settings, pieces, and what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lab.extract import engine
from lab.extract.engine import Engine, Settings, Unbuilt, library_path, load
from lab.extract.layout import CIC_FLOW, FLOW
from tests.lab.extract.frames import pcap
from tests.lab.extract.talks import datagram
from tests.shared_data import REPOSITORY
from tests.support import frames as build


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        (Settings(), engine.JOIN_FRAGMENTS),
        (Settings(join_fragments=False), 0),
        (Settings(ipv4=False), engine.JOIN_FRAGMENTS | engine.NO_V4),
        (Settings(ipv6=False), engine.JOIN_FRAGMENTS | engine.NO_V6),
        (Settings(unidirectional=True), engine.JOIN_FRAGMENTS | engine.UNIDIRECTIONAL),
        (Settings(drop_duplicates=True), engine.JOIN_FRAGMENTS | engine.DROP_DUPLICATES),
        (Settings(keep_flows=True, join_fragments=False), engine.KEEP_FLOWS),
    ],
)
def test_switches(settings: Settings, flags: int):
    assert settings.flags() == flags


@pytest.mark.parametrize("data", [None, b"not a library"])
def test_a_library_that_is_none_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
):
    path = tmp_path / "lib.so"
    if data is not None:
        path.write_bytes(data)
    monkeypatch.setenv(engine.LIBRARY_VARIABLE, str(path))
    assert library_path() == path
    with pytest.raises(Unbuilt, match="build it with: python -m lab.extract.build"):
        load()


def test_a_library_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "FLOW", np.dtype([("other", "u1")]))
    with pytest.raises(Unbuilt, match="built from other sources"):
        load()


@pytest.mark.parametrize(("mode", "dtype"), [("weir", FLOW), ("cic", CIC_FLOW)])
def test_nothing_fed_is_nothing_taken(mode: str, dtype: np.dtype[np.void]):
    with Engine(Settings(mode=mode)) as one:
        one.finish()
        assert (one.take().dtype, len(one.take()), one.frames()) == (dtype, 0, 0)
        assert int(one.tally().view(np.uint64).sum()) == 0


LITTLE_ROOM = """
import resource, sys
from lab.extract.engine import Engine, Settings

def leave(mebibytes):
    pages = int(open("/proc/self/statm").read().split()[0])
    room = pages * resource.getpagesize() + (mebibytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))

frames = sys.stdin.read().split()
"""
NOT_ALL_THREADS = """
Engine(Settings()).close()
leave(60)  # seven stacks of 8 MiB
one = Engine(Settings(jobs=16))
leave(60)
for frame in frames:
    one.push(bytes.fromhex(frame), 100, 10**9, 1)
one.finish()
print(len(one.take()), one.frames())
"""
NOT_ALL_FLOWS = """
one = Engine(Settings())
leave(1)
for frame in frames:
    one.push(bytes.fromhex(frame), 100, 10**9, 1)
try:
    one.finish()
except MemoryError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("script", "told"),
    [(NOT_ALL_THREADS, "500 500\n"), (NOT_ALL_FLOWS, "no memory for flows\n")],
)
def test_little_memory(script: str, told: str):
    """Fewer threads than were asked for are enough; flows that are lost are told."""
    packets = (
        build.ipv4("10.0.0.1", "192.0.2.1", build.udp(7, port, b"x")) for port in range(500)
    )
    frames = "\n".join(build.ethernet(packet)[0].hex() for packet in packets)
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_ROOM + script],
        input=frames,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert (done.returncode, done.stdout) == (0, told), done.stderr


def test_a_mode_or_tunnel_that_there_is_not():
    with pytest.raises(ValueError, match="tuple.index"):
        Engine(Settings(mode="nosuch"))
    with pytest.raises(KeyError):
        Engine(Settings(tunnels=frozenset({"nosuch"})))


def test_frames_pushed_are_the_capture_fed():
    frames = [datagram(at / 10, size=at, sport=1000 + at % 3) for at in range(50)]
    found = []
    with Engine(Settings()) as one:
        for frame in frames:
            one.push(frame.data, frame.length, frame.time_ns, frame.link)
        one.finish()
        found.append(one.take().tobytes())
    with Engine(Settings()) as one:
        data = np.frombuffer(pcap(frames, nanoseconds=True), np.uint8)
        outcome, used = one.feed(data)
        assert (outcome >= 0, used) == (True, len(data))
        one.finish()
        found.append(one.take().tobytes())
        assert one.frames() == len(frames)
    assert found[0] == found[1] != b""


def test_live_flows_are_told_between_batches_now_and_then():
    told, frame = [], datagram(0)
    with Engine(Settings(reorder_window=0)) as one:
        assert one.touched() == []
        for at in range(60_000):
            time_ns = frame.time_ns + at * 10_000_000
            if one.push(frame.data, frame.length, time_ns, frame.link):
                assert len(one.take()) == 0
                told += one.touched()
    assert len(told) > 1
    assert {len(flows) for flows in told} == {1}
    assert [int(flows["extra"]["told"][0]) for flows in told[:2]] == [0, 1]
