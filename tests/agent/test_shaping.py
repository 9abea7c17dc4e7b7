"""`weir-agent qos` in a namespace: what can be is done, what cannot is one line."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.agents import Agent

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

LEFT = {"name": "left0", "egress_mbps": 20}
VIDEO = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}


@pytest.fixture
def agent(quiet_pair, tmp_path):
    left, _ = quiet_pair
    running = Agent(left, tmp_path, qos={"interface": [LEFT], "rule": [VIDEO]})
    running.write_config()
    yield running
    running.remove()


def tree(agent: Agent) -> str:
    return agent.space.run("tc", "qdisc", "show", "dev", "left0") + agent.space.run(
        "tc", "class", "show", "dev", "left0"
    )


@pytest.mark.parametrize(
    ("qos", "status", "line"),
    [
        ({"rule": [VIDEO | {"min_bandwidth": 10}]}, 2, "min_bandwidth 10 is above"),
        ({"rule": [VIDEO | {"min_bandwidth": 30, "max_bandwidth": 30}]}, 2, "link has 20"),
        ({"rule": [VIDEO | {"dscp": 64}]}, 2, "dscp 64 is outside 0-63"),
        ({"rule": [VIDEO | {"traffic_type": "torrent"}]}, 2, "'torrent' is unknown"),
        ({"rule": [VIDEO, VIDEO]}, 2, "there are two"),
        ({"marking": "loud"}, 2, "marking 'loud' is not one of off, keep, set"),
        ({"colour": "red"}, 2, "key 'colour' is unknown"),
        ({"interface": [LEFT | {"egress_mbps": -1}]}, 2, "outside"),
        ({"interface": [LEFT | {"egress_mbps": "auto"}]}, 2, "does not tell its speed"),
        ({"interface": [LEFT | {"name": "nosuch0"}]}, 1, "there is no such device"),
        ({"interface": [LEFT | {"shaper": "cake"}]}, 1, "has no cake"),
        ({"interface": [], "rule": []}, 2, "nothing to shape"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(agent, qos, status, line):
    before = tree(agent)
    agent.qos |= qos
    agent.write_config()
    done = agent.command("qos", "apply", check=False)
    assert done.returncode == status, done.stderr
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree(agent) == before


def test_a_stranger_is_refused_unless_adopted(agent):
    agent.space.run("tc", "qdisc", "add", "dev", "left0", "root", "pfifo", "limit", "77")
    before = tree(agent)
    done = agent.command("qos", "apply", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "is not Weir's" in done.stderr
    assert tree(agent) == before
    agent.command("qos", "apply", "--adopt")
    assert "htb 5745:" in tree(agent)
    agent.command("qos", "revert")
    assert "limit 77p" in tree(agent)


def test_plan_apply_confirm_show_revert(agent):
    before = tree(agent)
    planned = json.loads(agent.command("qos", "plan", "--json").stdout)
    assert planned["steps"][-1].endswith("0 to remove")
    assert tree(agent) == before
    started = time.monotonic()
    done = agent.command("qos", "apply", "--confirm", "2", check=False)
    assert (done.returncode, time.monotonic() - started > 2) == (1, True)
    assert done.stdout.endswith("not confirmed: taken back\n")
    assert tree(agent) == before
    agent.command("qos", "apply")
    assert agent.command("qos", "apply").stdout == "nothing to change\n"
    assert "left0" in json.loads(agent.command("qos", "show", "--json").stdout)
    assert "voice" in agent.command("qos", "show").stdout
    assert agent.command("qos", "confirm", check=False).returncode == 1
    agent.command("qos", "revert")
    assert tree(agent) == before
