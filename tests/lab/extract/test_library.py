"""The library facade: interfaces, captures, a live look."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lab.extract.library import NoDevice, devices, hardware_address, open_live, open_offline
from lab.extract.source import Unreadable
from tests.lab.extract.frames import (
    CLIENT,
    SERVER,
    START_NS,
    Frame,
    ethernet,
    ip,
    pcap,
    save,
    udp,
)  # fmt: skip
from wire.features import COLUMNS, NUMERIC

FRAMES = [
    Frame(START_NS + at, ethernet(ip(CLIENT, SERVER, 17, udp(at % 3 + 1, 53))))
    for at in range(9)
]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return save(tmp_path / "some.pcap", pcap(FRAMES))


def test_devices_are_those_of_the_machine() -> None:
    found = {device.name: device for device in devices()}
    assert found["lo"].is_loopback
    assert found["lo"].hardware_address == ""
    assert set(found) == {name for _, name in socket.if_nameindex()}


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(NoDevice, match="weir-none: there is no such interface"):
        hardware_address("weir-none")


def test_flows_of_a_capture(capture: Path) -> None:
    opened = open_offline(capture)
    assert sum(len(flows) for flows in opened) == 3
    assert {
        name: len(values) for name, values in opened.features().items()
    } == dict.fromkeys(NUMERIC, 3)
    lines = b"".join(opened.csv()).decode().splitlines()
    assert lines[0].split(",") == list(COLUMNS)
    assert len(lines) == 4


def test_a_damaged_capture_raises_after_its_flows(tmp_path: Path) -> None:
    path, seen = save(tmp_path / "cut.pcap", pcap(FRAMES)[:-1]), []
    pieces = iter(open_offline(path))
    with pytest.raises(Unreadable, match=r"cut\.pcap: cut off"):
        seen.extend(len(flows) for flows in pieces)
    assert sum(seen) == 3


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_flow_start(self, _flow: np.void) -> None:
        self.heard.append("start")

    def on_flow_end(self, flow: np.void) -> None:
        self.heard.append(f"end {flow['record']['volume']['packets'].sum()}")


def test_listeners_hear_a_capture(capture: Path) -> None:
    listener = Listener()
    for _ in open_offline(capture, listeners=[listener]):
        pass
    assert listener.heard == ["start"] * 3 + ["end 3"] * 3


def test_updates_come_between_start_and_end(tmp_path: Path) -> None:
    heard: list[str] = []

    class Following:
        def on_flow_start(self, _flow: np.void) -> None:
            heard.append("start")

        def on_flow_update(self, _flow: np.void) -> None:
            heard.append("update")

        def on_flow_end(self, _flow: np.void) -> None:
            heard.append("end")

    body = ethernet(ip(CLIENT, SERVER, 17, udp(1, 53)))
    frames = [Frame(START_NS + at * 1000, body) for at in range(40_000)]
    for _ in open_offline(
        save(tmp_path / "long.pcap", pcap(frames)), listeners=[Following()]
    ):
        pass
    assert heard == ["start", "update", "end"]


@pytest.mark.root
def test_a_live_look_at_the_loopback() -> None:
    def talk() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(10):
                sender.sendto(b"hello", ("127.0.0.1", 9))
                time.sleep(0.01)

    live = open_live("lo")
    thread = threading.Thread(target=talk)
    thread.start()
    ports = [int(flow["key"]["low_port"]) for flows in live.flows(0.8) for flow in flows]
    thread.join()
    live.close()
    assert 9 in ports
