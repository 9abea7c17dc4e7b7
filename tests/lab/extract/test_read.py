"""One capture through the engine: pieces, notice on the way, and why it ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.extract.engine import Engine, Settings
from lab.extract.read import CUT_OFF, Reading, read
from lab.extract.source import Source
from tests.lab.extract.frames import pcap
from tests.lab.extract.talks import datagram
from wire.listeners import Listeners

ONE = pcap([datagram(0)])


def outcome(path: Path) -> tuple[int, str]:
    reading = Reading()
    with Source(path) as source, Engine(Settings()) as engine:
        count = sum(len(flows) for flows in read(source, engine, reading))
    return count, reading.problem


@pytest.mark.parametrize(
    ("data", "count", "problem"),
    [
        (b"", 0, "empty"),
        (b"no", 0, "neither pcap nor pcapng"),
        (ONE[:24], 0, ""),
        (ONE, 1, ""),
        (ONE[:-1], 0, ""),
        (ONE + ONE[24:-1], 1, CUT_OFF),
        (ONE + b"\x00", 1, CUT_OFF),
    ],
)
def test_why_a_reading_ended(tmp_path: Path, data: bytes, count: int, problem: str):
    (tmp_path / "a").write_bytes(data)
    found, reason = outcome(tmp_path / "a")
    assert found == count
    if problem:
        assert reason == problem
    else:
        assert bool(reason) == (data == ONE[:-1])


def test_a_notice_may_stop_the_reading(tmp_path: Path):
    (tmp_path / "a").write_bytes(ONE)

    def stop() -> None:
        raise KeyboardInterrupt

    with (
        Source(tmp_path / "a") as source,
        Engine(Settings()) as engine,
        pytest.raises(KeyboardInterrupt),
    ):
        list(read(source, engine, Reading(), stop))


def test_listeners_hear_a_start_before_an_end(tmp_path: Path):
    (tmp_path / "a").write_bytes(pcap([datagram(0), datagram(0, sport=9)]))
    heard: list[tuple[str, int]] = []

    class Listener:
        """Notes what it hears."""

        def on_flow_start(self, flow: np.void) -> None:
            heard.append(("start", int(flow["key"]["low_port"])))

        def on_flow_end(self, flow: np.void) -> None:
            heard.append(("end", int(flow["key"]["low_port"])))

    with Source(tmp_path / "a") as source, Engine(Settings()) as engine:
        list(read(source, engine, Reading(), listeners=Listeners([Listener()])))
    assert [what for what, _ in heard] == ["start", "start", "end", "end"]
    assert sorted(port for _, port in heard) == [9, 9, 1111, 1111]
