"""From settings to the rooms' own: every value to its place, every mistake one line."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path

import pytest

from agent import assemble
from agent.capture.loader.attach import Wanted
from agent.capture.watch import Override
from agent.config import Agent, Capture, Config, load
from wire.settings import ConfigError


def loaded(folder: Path, text: str) -> Config:
    path = folder / "agent.toml"
    path.write_text(text)
    return load(path, {}, {})


def test_bounds_of_what_may_wait_on_disk():
    assert assemble.bounds(Agent(buffer_mb=3, buffer_hours=0.5)) == (
        3 << 20, 1800 * 10**9,
    )  # fmt: skip


def test_timeouts_are_nanoseconds():
    found = assemble.timeouts(Capture(idle_timeout=1.5, active_timeout=60, fin_linger=0))
    assert (found.idle_ns, found.active_ns, found.linger_ns) == (
        1_500_000_000, 60 * 10**9, 0,
    )  # fmt: skip


def test_what_is_watched_and_how(tmp_path: Path):
    config = loaded(
        tmp_path,
        '[capture]\ninterfaces = ["eth*", "lo"]\nxdp = "off"\ntc = "clsact"\n'
        'promiscuous = true\nfilter = "tcp"\n'
        '[[capture.interface]]\nname = "eth1"\nipv6 = false\n',
    )
    found = assemble.choice(config.capture)
    assert found.patterns == ("eth*", "lo")
    assert found.overrides == (Override("eth1", ipv6=False),)
    assert found.wanted == Wanted("off", "clsact")
    assert (found.promiscuous, found.filtered, found.shaped) == (True, True, frozenset())


def test_what_is_shaped(tmp_path: Path):
    config = loaded(
        tmp_path,
        '[capture]\ninterfaces = ["eth0"]\n'
        '[[qos.interface]]\nname = "eth0"\negress_mbps = 10.0\n',
    )
    settings = assemble.regulation(config)
    found = assemble.choice(config.capture, settings.interfaces)
    assert found.shaped == frozenset({"eth0"})
    assert assemble.speeds(settings) == {"eth0": assemble.speed_bps("eth0")}


def test_names_that_no_interface_has_now():
    there = socket.if_nameindex()[0][1]
    capture = Capture(interfaces=(there, there[:1] + "*", "nosuch0", "none*"))
    assert assemble.absent(capture) == ["nosuch0", "none*"]
    assert assemble.absent(Capture(interfaces=())) == []


def test_a_filter_that_cannot_be_names_its_section():
    with pytest.raises(ConfigError, match=r"^\[capture\] filter: ") as failure:
        assemble.capture_filter("tcp port x")
    assert "\n" not in str(failure.value)
    assert len(assemble.capture_filter("")) == 1


def test_rules_that_cannot_be_are_settings_that_cannot_be(tmp_path: Path):
    config = loaded(tmp_path, "[qos]\nnosuch = 1\n")
    for read in (assemble.regulation, assemble.regulation_in_force):
        with pytest.raises(ConfigError, match="nosuch"):
            read(config)


def test_without_a_qos_section_nothing_is_shaped(tmp_path: Path):
    config = Config(Agent(data_dir=str(tmp_path)))
    assert assemble.regulation(config).interfaces == ()
    assert assemble.regulation_in_force(config).interfaces == ()
    assert assemble.qos_directory(config) == tmp_path / "qos"


@pytest.mark.parametrize(("name", "zone"), [("UTC", "UTC"), ("Asia/Tokyo", "JST")])
def test_zones(name: str, zone: str):

    moment = datetime.datetime(2024, 1, 1, tzinfo=assemble._zone(name))
    assert moment.tzname() == zone
    assert assemble._zone("local") is not None


@pytest.mark.root
def test_a_pipeline_begins_where_the_last_batch_ended(tmp_path: Path, pin_directory: Path):
    capture = Capture(interfaces=("none*",), pin_directory=str(pin_directory),
                      max_flows=1024, loader="libbpf")  # fmt: skip
    config = Config(Agent(data_dir=str(tmp_path), sync_interval=7.5), capture)
    opened = assemble.session(config)
    fresh = assemble.pipeline(config, opened, 0, 1_000)
    later = assemble.pipeline(config, opened, 41, 1_000)
    opened.close()
    assert (fresh.sequence, later.sequence) == (1, 42)
    assert fresh.settings.batch_ns == 7_500_000_000
    assert fresh.settings.origin.agent == "edge-001"
    assert fresh.settings.origin.boot == opened.pinned.boot
    assert fresh.settings.max_flows == 1024
