"""SIGHUP: the agent goes on with new settings, and counts what passes meanwhile."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.agents import Agent
from tests.support.namespaces import wait_until
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@pytest.fixture
def agent(quiet_pair, tmp_path):
    _, right = quiet_pair
    running = Agent(right, tmp_path, capture={"interfaces": ["right0"], "xdp": "off"})
    yield running
    running.remove()


def hang_up(agent: Agent) -> None:
    assert agent.process is not None
    os.kill(agent.process.pid, signal.SIGHUP)


def seen(agent: Agent) -> int:
    item = next(one for one in agent.status()["interfaces"] if one["name"] == "right0")
    return int(item["direction"]["rx"]["seen"]["frames"])


def test_new_settings_are_taken_and_every_frame_is_counted(agent, quiet_pair):
    left, right = quiet_pair
    agent.start()
    pid = agent.process.pid
    before = left.statistics("left0")
    with Traffic(left, "left0"):
        time.sleep(1)
        agent.agent |= {
            "switch_id": "renamed",
            "log_level": "DEBUG",
            "backend_url": ["http://127.0.0.1:9"],
            "sync_interval": 2,
        }
        agent.capture |= {"interfaces": ["right0", "later*"], "idle_timeout": 9}
        agent.write_config()
        hang_up(agent)
        line = (
            "settings read again: backend_url, sync_interval, log_level, interfaces, "
            "idle_timeout; restart weir-agent for switch_id"
        )
        wait_until("a word", lambda: line in agent.log())
        time.sleep(1)
    after = left.wait_quiet("left0")
    right.wait_quiet("right0")
    assert agent.process.pid == pid
    assert agent.process.poll() is None
    assert seen(agent) == after["tx_packets"] - before["tx_packets"]
    wait_until("an attempt", lambda: agent.status()["uplink"]["errors"])
    assert "http://127.0.0.1:9" in agent.status()["uplink"]["breakers"]
    assert "later*: no such interface" in " ".join(agent.status()["problems"])
    assert agent.status()["switch_id"] == "edge-001"
    agent.stop()
    assert {batch.agent for batch in agent.batches()} == {"edge-001"}


def test_an_interface_that_left_the_settings_is_let_go(agent):
    agent.start()
    agent.capture["interfaces"] = ["other0"]
    agent.write_config()
    hang_up(agent)
    wait_until("nothing watched", lambda: agent.status()["interfaces"] == [])
    agent.capture["interfaces"] = ["right0"]
    agent.write_config()
    hang_up(agent)
    wait_until("watched again", lambda: agent.status()["interfaces"])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("no_such_key = 1\n", "no_such_key"),
        ("[capture]\n", "not valid TOML"),
        ("filter = 'tcp prt 5'\n", "[capture] filter: expected"),
    ],
)
def test_wrong_settings_change_nothing(agent, spoil, reason):
    agent.start()
    good = agent.config.read_text()
    head, _, qos = good.partition("[qos]")
    agent.config.write_text(head + spoil + "[qos]" + qos)
    hang_up(agent)
    wait_until("a word", lambda: "settings stay as they were: " in agent.log())
    (line,) = [one for one in agent.log().splitlines() if "stay as they were" in one]
    assert reason in line
    assert len(agent.status()["interfaces"]) == 1
    agent.stop()
