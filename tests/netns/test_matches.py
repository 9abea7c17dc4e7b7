"""Match rules on real packets: class, code point, limit; living flows follow the rules."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import time

import pytest

from tests.support.agents import Agent
from tests.support.namespaces import wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

WAN = {"name": "left0", "egress_mbps": 20}
PHONES = {
    "name": "phones",
    "traffic_type": "voice",
    "destination": "10.9.0.2/32",
    "ports": "7000-7009",
    "protocol": "udp",
    "interface": "left*",
}


@pytest.fixture
def agent(netns, tmp_path):
    left, _ = netns.pair()
    running = Agent(
        left,
        tmp_path,
        capture={"interfaces": ["left0"], "xdp": "off"},
        qos={"mode": "shape", "marking": "set", "interface": [WAN]},
    )
    yield running
    running.remove()


def ask(agent: Agent, method: str, path: str, body=None) -> dict:
    """What the agent answers on its socket."""
    connection = http.client.HTTPConnection("agent")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(agent.folder / "run" / "agent.sock"))
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


class Ends:
    """A UDP flow from left to right, and what arrives of it."""

    def __init__(self, netns, port: int) -> None:
        left, right = netns.spaces[:2]
        with right.entered():
            self.inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inbox.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.inbox.settimeout(2)
        self.inbox.bind(("10.9.0.2", port))
        with left.entered():
            self.outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outbox.connect(("10.9.0.2", port))

    def mark(self) -> int:
        """The code point that a packet of the flow arrives with."""
        self._arrived()
        self.outbox.send(b"x" * 100)
        _, ancillary, _, _ = self.inbox.recvmsg(2048, 64)
        return ancillary[0][2][0] >> 2

    def megabits(self, rate: float, seconds: float) -> float:
        """What arrives of a rate that is sent."""
        begun, sent, arrived = time.monotonic(), 0, 0
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * rate * 1e6 / 8:
                sent += 1000
                # Where the tree holds the flow back, its socket is full at times.
                with contextlib.suppress(BlockingIOError):
                    self.outbox.send(b"x" * 1000, socket.MSG_DONTWAIT)
            time.sleep(0.002)
            arrived += self._arrived()
        return arrived * 8 / 1e6 / passed

    def _arrived(self) -> int:
        octets = 0
        self.inbox.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                octets += len(self.inbox.recv(2048)) + 28
        self.inbox.settimeout(2)
        return octets

    def drain(self) -> None:
        """Let what is queued on the way arrive, and forget it."""
        time.sleep(0.5)
        self._arrived()

    def close(self) -> None:
        self.inbox.close()
        self.outbox.close()


@pytest.fixture
def flow(netns):
    made = []

    def begin(port: int) -> Ends:
        made.append(Ends(netns, port))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def standing(agent: Agent) -> bool:
    lane = ask(agent, "GET", "/health")["qos"]["devices"].get("left0", {}).get("egress", {})
    return bool(lane.get("obeyed_until"))


def described(agent: Agent, port: int) -> dict:
    """What the flow table says of the flow to a port."""
    found: list[dict] = []

    def look() -> bool:
        found[:] = ask(agent, "GET", f"/flows?port={port}")["flows"]
        return bool(found)

    wait_until("the flow", look)
    return found[0]


def test_a_match_rule_gives_real_packets_class_and_code_point(agent, flow):
    agent.qos["match"] = [PHONES]
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    phone, other = flow(7005), flow(7010)
    wait_until("voice", lambda: phone.mark() == 46)
    assert other.mark() == 0
    assert described(agent, 7005)["traffic_type"] == "voice"
    assert described(agent, 7010)["traffic_type"] == "unknown"


def test_living_flows_follow_rules_that_are_given_and_taken_back(agent, flow):
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    phone = flow(7005)
    assert phone.mark() == 0
    assert ask(agent, "POST", "/qos/matches", PHONES)["status"] == "success"
    wait_until("voice", lambda: phone.mark() == 46)
    shown = agent.command("qos", "plan").stdout
    assert "match phones: destination 10.9.0.2/32 ports 7000-7009" in shown
    assert ask(agent, "DELETE", "/qos/matches/phones")["status"] == "success"
    wait_until("no class again", lambda: phone.mark() == 0)


def test_a_reload_changes_rules_rates_and_living_flows_in_place(agent, flow):
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    phone = flow(7005)
    assert phone.mark() == 0
    before = agent.trees()["left0"]["egress"]["all"]["sent_packets"]
    process = agent.process.pid
    agent.qos |= {"match": [PHONES], "interface": [WAN | {"egress_mbps": 12}]}
    agent.agent["switch_id"] = "renamed"
    agent.write_config()
    os.kill(process, signal.SIGHUP)
    wait_until("voice", lambda: phone.mark() == 46)
    line = "settings read again: [qos]; restart weir-agent for switch_id"
    wait_until("a word", lambda: line in agent.log())
    classes = ("tc", "class", "show", "dev", "left0")
    wait_until("12 Mbit/s", lambda: "rate 12Mbit ceil 12Mbit" in agent.space.run(*classes))
    # Changed in place: what the tree had counted is still there.
    assert agent.trees()["left0"]["egress"]["all"]["sent_packets"] > before
    assert agent.process.poll() is None
    assert ask(agent, "GET", "/health")["problems"] == []


def test_each_flow_of_a_rule_takes_no_more_than_its_limit(agent, flow):
    agent.qos["match"] = [{"name": "slow", "ports": "7005", "flow_mbps": 4}]
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    slow, free = flow(7005), flow(7010)
    slow.mark(), free.mark()
    time.sleep(1.5)
    assert 3.2 <= slow.megabits(10, 4) <= 4.8
    assert free.megabits(10, 2) > 8
    over = ask(agent, "GET", "/stats")["qos"]["over_limit"]
    assert over["packets"] > 1000


def test_a_flow_is_put_in_its_class_and_its_rate_follows(agent, flow):
    agent.qos["rule"] = [
        {
            "traffic_type": "file",
            "min_bandwidth": 1,
            "max_bandwidth": 4,
            "priority": 0,
            "dscp": 12,
        }
    ]
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    one = flow(7005)
    assert one.mark() == 0
    assert one.megabits(10, 2) > 8
    one.drain()
    told = described(agent, 7005)
    body = {"flow_id": told["id"], "traffic_type": "file", "current_bandwidth": 10}
    answer = ask(agent, "POST", "/qos/apply", body)
    assert (answer["action"], answer["target_bandwidth"], answer["dscp"]) == (
        "throttle",
        4,
        12,
    )
    assert (answer["enforced"], answer["detail"]) == (
        True,
        "in class file on left0, whose rule holds it",
    )
    wait_until("its class", lambda: one.mark() == 12)
    assert 3.4 <= one.megabits(10, 4) <= 4.6
    one.drain()
    assert ask(agent, "POST", "/qos/apply", body | {"traffic_type": "games"})["action"] == (
        "none"
    )
    wait_until("no class again", lambda: one.mark() == 0)


def test_a_collector_that_is_away_changes_nothing_here(agent, flow):
    agent.qos["match"] = [PHONES]
    agent.agent["backend_url"] = ["http://127.0.0.1:9"]
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    wait_until("an attempt", lambda: agent.status()["uplink"]["errors"])
    phone = flow(7005)
    wait_until("voice", lambda: phone.mark() == 46)
    told = ask(agent, "GET", "/health")["qos"]
    assert (told["faults"], told["problems"]) == (0, [])


def test_without_the_agent_nothing_holds_packets_where_that_is_wished(agent, flow):
    """They pass beside the tree, unmarked; with the agent back they are shaped again."""
    agent.qos |= {"match": [PHONES], "when_dead": "unshaped"}
    agent.start()
    wait_until("a tree", lambda: standing(agent))
    phone = flow(7005)
    wait_until("voice", lambda: phone.mark() == 46)
    agent.kill()
    time.sleep(5)
    before = direct(agent)
    assert [phone.mark() for _ in range(20)] == [0] * 20
    assert direct(agent) >= before + 20
    agent.start()
    wait_until("voice again", lambda: phone.mark() == 46)


def direct(agent: Agent) -> int:
    """Packets that HTB has let pass beside its classes."""
    shown = agent.space.run("tc", "-s", "qdisc", "show", "dev", "left0", "root")
    return int(shown.split("direct_packets_stat")[1].split()[0])
