"""Interfaces that come late, go, and come back, are watched while they are there."""

from __future__ import annotations

import pytest

from tests.support.agents import Agent, totals, unbalanced
from tests.support.mix import mixed
from tests.support.namespaces import wait_until
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]


def watched(agent):
    shown = agent.status()["interfaces"]
    return {item["name"] for item in shown if item.get("is_up", True)}


def send(space, interface, count, seed):
    packed = pack([frame for frame, _ in mixed(seed, count)])
    with Sender(space, interface) as sender:
        sender.send_packed(packed)
    return int(packed.lengths.sum())


def test_late_gone_and_back_again(netns, tmp_path):
    left = netns.namespace("left", ipv6=False)
    right = netns.namespace("right", ipv6=False)
    capture = {"interfaces": ["wan*"], "xdp": "off"}
    agent = Agent(right, tmp_path, capture=capture)
    try:
        agent.start()
        assert watched(agent) == set()

        sent = 0
        for seed in (1, 2):
            netns.veth(left, "far", right, "wan7")
            wait_until("wan7 is watched", lambda: "wan7" in watched(agent))
            sent += send(left, "far", 3000, seed)
            right.wait_quiet("wan7")
            with left.netlink() as ip:
                ip.link("del", index=left.index("far"))
            wait_until("wan7 is let go", lambda: "wan7" not in watched(agent))
            wait_until("its slot is free", lambda: not any_slot(agent))
        agent.stop()
        sums = totals(agent.batches(), "wan7")
    finally:
        agent.remove()
    assert unbalanced(sums) == {}
    assert sums["rx", "seen", "bytes"] == sent


def any_slot(agent):
    return agent.status()["interfaces"]


def test_an_interface_that_vanished_while_the_agent_was_dead(netns, tmp_path):
    left, right = netns.pair(quiet=True)
    agent = Agent(right, tmp_path, capture={"interfaces": ["right0"], "xdp": "off"})
    try:
        agent.start()
        agent.kill()
        sent = send(left, "left0", 2000, 5)
        right.wait_quiet("right0")
        with left.netlink() as ip:
            ip.link("del", index=left.index("left0"))
        agent.start()
        wait_until("its slot is free", lambda: not any_slot(agent))
        agent.stop()
        sums = totals(agent.batches(), "right0")
    finally:
        agent.remove()
    assert unbalanced(sums) == {}
    assert sums["rx", "seen", "bytes"] == sent
