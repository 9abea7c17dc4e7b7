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


WITHOUT = """
import errno
from agent.qos.apply import netlink
from pyroute2.netlink.rtnl import RTM_NEWQDISC
write = netlink.Netlink.write
def refusing(self, message, kind, flags=0):
    kinds = dict(map(tuple, message["attrs"])) if kind == RTM_NEWQDISC else {}
    if kinds.get("TCA_KIND") in %r:
        raise netlink.Refused(errno.ENOENT, "Specified qdisc kind is unknown")
    return write(self, message, kind, flags)
netlink.Netlink.write = refusing
"""


@pytest.fixture
def lacking(tmp_path, monkeypatch):
    """Have processes meet a kernel that has none of some qdiscs."""

    def made(*kinds: str) -> None:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(WITHOUT % (kinds,))
        monkeypatch.setenv("PYTHONPATH", str(site))

    return made


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        (("htb", "cake"), "has no htb or cake: load the module sch_htb"),
        (
            ("fq_codel", "cake", "sfq", "bfifo", "pfifo"),
            "has no htb or cake: load the module sch_htb",
        ),
    ],
)
def test_a_kernel_that_cannot_shape_is_one_line_and_nothing_changes(
    agent, lacking, kinds, line
):
    before = tree(agent)
    lacking(*kinds)
    for verb in ("plan", "apply"):
        done = agent.command("qos", verb, check=False)
        assert done.returncode == 1
        assert line in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert tree(agent) == before


def test_the_probe_tells_what_is_there_and_what_is_degraded(agent, lacking):
    before = agent.space.run("ip", "link")
    told = json.loads(agent.command("qos", "probe", "--json").stdout)
    assert (told["shaper"], told["qdiscs"]["htb"], told["ifb"]) == ("htb", True, True)
    lacking("fq_codel", "cake", "sfq", "bfifo")
    poor = json.loads(agent.command("qos", "probe", "--json").stdout)
    assert (poor["shaper"], poor["leaf"]) == ("htb", "pfifo")
    assert any("does not keep the flows" in one for one in poor["degraded"])
    lacking("htb", "cake")
    shown = agent.command("qos", "probe").stdout
    assert "chosen    nothing: packets are only counted" in shown
    assert "degraded  nothing can be shaped: load the module" in shown
    assert agent.space.run("ip", "link") == before


def test_match_rules_are_planned_shown_and_refused_in_one_line(agent):
    agent.qos["match"] = [{"name": "phones", "traffic_type": "voice", "ports": "5060"}]
    agent.write_config()
    words = "match phones: ports 5060 -> voice"
    assert words in agent.command("qos", "plan").stdout
    assert json.loads(agent.command("qos", "plan", "--json").stdout)["matches"] == [words]
    assert words in agent.command("qos", "show").stdout
    agent.qos["match"] = [{"name": "phones", "traffic_type": "voice", "dscp": [64]}]
    agent.write_config()
    done = agent.command("qos", "plan", check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "weir-agent: match phones: dscp 64 is outside 0-63\n",
    )
