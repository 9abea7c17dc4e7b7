"""The agent regulates: classes reach the tree, and none of it outlives the agent."""

from __future__ import annotations

import json
import socket

import pytest

from tests.support.agents import Agent
from tests.support.namespaces import wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

WAN = {"name": "left0", "egress_mbps": 20}


@pytest.fixture(params=["libbpf", pytest.param("bcc", marks=pytest.mark.bcc)])
def agent(request, netns, tmp_path):
    left, _ = netns.pair()
    running = Agent(
        left,
        tmp_path,
        capture={"interfaces": ["left0"], "xdp": "off", "loader": request.param},
        qos={"mode": "shape", "interface": [WAN]},
    )
    yield running
    running.remove()


def show(agent: Agent) -> dict:
    return json.loads(agent.command("qos", "show", "--json").stdout)


def voice(agent: Agent) -> int:
    return show(agent)["left0"]["egress"]["voice"]["sent_packets"]


def call(space, packets: int, tos: int = 0xB9) -> None:
    """Send some datagrams that say they are voice, ECN bits set."""
    with space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        for _ in range(packets):
            one.sendto(b"x" * 100, ("10.9.0.2", 9))


def started(agent: Agent) -> None:
    """Start, and wait until packets get their class."""
    agent.start()
    wait_until("a tree", lambda: show(agent))
    wait_until("a class", lambda: call(agent.space, 1) or voice(agent))


def test_a_class_reaches_its_leaf(agent):
    started(agent)
    before = voice(agent)
    call(agent.space, 50)
    assert voice(agent) == before + 50
    assert agent.status()["problems"] == []
