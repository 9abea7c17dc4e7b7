"""The units, what they name, and what is promised about them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config import Agent, Capture, load as load_agent
from collector.config import Config as Collector, load as load_collector

ROOT = Path(__file__).parents[2]
UNITS = ("weir-agent.service", "weir-collector.service")


def unit(name: str) -> dict[str, list[str]]:
    """Assignments of [Service], in order."""
    found: dict[str, list[str]] = {}
    text = (ROOT / "systemd" / name).read_text().split("[Service]")[1].split("[Install]")[0]
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_exposure_is_at_most_2_5(name):
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=25"]
    done = subprocess.run(
        [*command, ROOT / "systemd" / name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_the_agent_has_three_capabilities_and_nothing_more():
    wanted = {"CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"}
    service = unit("weir-agent.service")
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert set(service[key][0].split()) == wanted
    assert unit("weir-collector.service")["CapabilityBoundingSet"] == [""]


@pytest.mark.parametrize("name", UNITS)
def test_readiness_watchdog_and_check(name):
    service = unit(name)
    assert service["Type"] == ["notify"]
    assert float(service["WatchdogSec"][0].rstrip("s")) >= 30
    assert any(line.endswith(" check") for line in service["ExecStartPre"])
    assert service["RestartPreventExitStatus"] == ["2"]


def test_folders_are_those_of_the_settings():
    agent = unit("weir-agent.service")
    assert f"/var/lib/{agent['StateDirectory'][0]}" == Agent().data_dir
    assert f"/run/{agent['RuntimeDirectory'][0]}" == Agent().runtime_dir
    assert agent["ReadWritePaths"] == [f"-{Capture().pin_directory}"]
    collector = unit("weir-collector.service")
    assert f"/var/lib/{collector['StateDirectory'][0]}" == Collector().data_dir
    tmpfiles = (ROOT / "systemd/weir-agent.tmpfiles").read_text()
    assert f"d {Capture().pin_directory} 0700 weir-agent weir-agent" in tmpfiles


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_users_are_made(program):
    text = (ROOT / f"systemd/weir-{program}.sysusers").read_text()
    assert re.search(rf"^u weir-{program} ", text, re.MULTILINE)
    assert unit(f"weir-{program}.service")["User"] == [f"weir-{program}"]


def test_packaged_settings_load():
    config = load_agent(ROOT / "packaging/agent.toml", {}, {})
    assert config.capture.interfaces == ("en*", "eth*")
    assert config.agent.switch_id
    assert load_collector(ROOT / "packaging/collector.toml", {}, {}) == Collector()


def test_versions_agree():
    changelog = (ROOT / "packaging/debian/changelog").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    assert version is not None
    assert changelog.startswith(f"weir ({version[1]}) ")
