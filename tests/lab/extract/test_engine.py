"""The door to the compiled engine: settings, pieces, and what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.extract import engine
from lab.extract.engine import Engine, Settings, Unbuilt, library_path, load
from lab.extract.layout import CIC_FLOW, FLOW
from tests.lab.extract.frames import pcap
from tests.lab.extract.talks import datagram


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
