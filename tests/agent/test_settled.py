"""What settings come to, and every mistake one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent import settled
from agent.capture.speed import speed_bps
from agent.config import Agent, Capture, Config
from tests.agent.running import loaded
from wire.settings import ConfigError


def test_names_that_no_interface_has_now():
    there = socket.if_nameindex()[0][1]
    capture = Capture(interfaces=(there, there[:1] + "*", "nosuch0", "none*"))
    assert settled.absent(capture) == ["nosuch0", "none*"]
    assert settled.absent(Capture(interfaces=())) == []


def test_a_filter_that_cannot_be_names_its_section():
    with pytest.raises(ConfigError, match=r"^\[capture\] filter: ") as failure:
        settled.capture_filter("tcp port x")
    assert "\n" not in str(failure.value)
    assert len(settled.capture_filter("")) == 1


def test_rules_that_cannot_be_are_settings_that_cannot_be(tmp_path: Path):
    config = loaded(tmp_path, "[qos]\nnosuch = 1\n")
    for read in (settled.regulation, settled.regulation_in_force):
        with pytest.raises(ConfigError, match="nosuch"):
            read(config)


def test_without_a_qos_section_nothing_is_shaped(tmp_path: Path):
    config = Config(Agent(data_dir=str(tmp_path)))
    assert settled.regulation(config).interfaces == ()
    assert settled.regulation_in_force(config).interfaces == ()
    assert settled.qos_directory(config) == tmp_path / "qos"


def test_speeds_are_of_the_devices_that_are_shaped(tmp_path: Path):
    text = '[[qos.interface]]\nname = "eth0"\negress_mbps = 10.0\n'
    found = settled.regulation(loaded(tmp_path, text))
    assert settled.speeds(found) == {"eth0": speed_bps("eth0")}
