"""From settings to the rooms' own: every value to its place, every mistake one line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from agent import assemble, settled
from agent.capture.loader.attach import Wanted
from agent.capture.watch import Override
from agent.config import Agent, Capture, Config
from tests.agent.running import loaded


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
    found = assemble.choice(config.capture, settled.regulation(config).interfaces)
    assert found.shaped == frozenset({"eth0"})


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
