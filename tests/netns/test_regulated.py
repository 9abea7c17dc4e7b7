"""The agent regulates: classes reach the tree, and none of it outlives the agent."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time

import pytest

from agent.qos.apply import statistics
from agent.qos.apply.netlink import Netlink
from tests.support import foreign
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


def voice(agent: Agent) -> int:
    return agent.trees()["left0"]["egress"]["voice"]["sent_packets"]


def call(space, packets: int, tos: int = 0xB9) -> None:
    """Send some datagrams that say they are voice, ECN bits set."""
    with space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        for _ in range(packets):
            one.sendto(b"x" * 100, ("10.9.0.2", 9))


def started(agent: Agent) -> None:
    """Start, and wait until packets get their class."""
    agent.start()
    wait_until("a tree", lambda: agent.trees())
    wait_until("a class", lambda: call(agent.space, 1) or voice(agent))


def test_a_class_reaches_its_leaf(agent):
    started(agent)
    before = voice(agent)
    call(agent.space, 50)
    assert voice(agent) == before + 50
    assert agent.status()["problems"] == []


def heard(space, packets: int, send, address: str = "10.9.0.2") -> list[int]:
    """TOS bytes of datagrams to port 9 as they arrive in a namespace."""
    with space.entered():
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    inbox.settimeout(5)
    with inbox:
        inbox.bind((address, 9))
        send()
        found = []
        for _ in range(packets):
            _, ancillary, _, _ = inbox.recvmsg(2048, 64)
            found.append(ancillary[0][2][0])
    return found


@pytest.mark.parametrize(
    ("marking", "sent", "arrives"),
    [
        ("off", 0x00, 0x00),
        ("keep", 0x01, 0xB9),  # unmarked: EF, and ECT(1) as it was
        ("keep", 0x2A, 0x2A),  # a mark that the packet brings wins
        ("set", 0x2A, 0xBA),
    ],
)
def test_marks_at_the_far_end(agent, netns, marking, sent, arrives):
    """SIP is voice by its port; its code point is written and the ECN bits stay."""
    agent.qos["marking"] = marking
    started(agent)
    far = netns.spaces[1]

    def send() -> None:
        with agent.space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("10.9.0.1", 5060))
            one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, sent)
            for _ in range(20):
                one.sendto(b"x" * 100, ("10.9.0.2", 9))

    assert heard(far, 20, send) == [arrives] * 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_agent_holds_nobody(agent, number):
    """Less than five seconds later packets go the branch that nobody throttles."""
    started(agent)
    agent.process.send_signal(number)
    killed, before = time.monotonic(), branches(agent)
    wait_until(
        "the baseline",
        lambda: call(agent.space, 1) or branches(agent)["baseline"] > before["baseline"],
    )
    assert time.monotonic() - killed < 5
    before = branches(agent)
    call(agent.space, 20)
    after = branches(agent)
    assert after["active"] == before["active"]
    assert after["baseline"] >= before["baseline"] + 20
    if number == signal.SIGSTOP:
        agent.process.send_signal(signal.SIGCONT)
        wait_until(
            "control again",
            lambda: call(agent.space, 1) or branches(agent)["active"] > after["active"],
        )
        agent.stop()
        call(agent.space, 1)
        assert branches(agent)["baseline"] > after["baseline"]


def branches(agent: Agent) -> dict[str, int]:
    """Packets of voice, in either branch of the tree."""
    with agent.space.entered(), Netlink() as netlink:
        counts = statistics.by_handle(netlink, socket.if_nametoindex("left0"))
    return {
        "active": counts[0x57450011].sent_packets,
        "baseline": counts[0x57450021].sent_packets,
    }


@pytest.mark.alone
def test_excess_voice_is_demoted_not_dropped(agent):
    """Voice has 30 % of the link: 6 of 20 Mbit/s; what is more goes as unknown, unlost."""
    started(agent)
    before = agent.trees()["left0"]["egress"]
    payload, seconds = b"x" * 1000, 3.0
    with agent.space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
        begin, sent = time.monotonic(), 0
        while (passed := time.monotonic() - begin) < seconds:
            # 12 Mbit/s: twice what voice may take, and less than the link.
            while sent < passed * 12e6 / 8 / 1042:
                sent += one.sendto(payload, ("10.9.0.2", 9)) // len(payload)
            time.sleep(0.002)
        seconds = time.monotonic() - begin
    time.sleep(0.5)
    after = agent.trees()["left0"]["egress"]
    grown = {
        name: {unit: after[name][unit] - before[name][unit] for unit in after[name]}
        for name in ("voice", "unknown")
    }
    assert grown["voice"]["drops"] == grown["unknown"]["drops"] == 0
    packets = grown["voice"]["sent_packets"] + grown["unknown"]["sent_packets"]
    assert sent <= packets <= sent + 20  # and ARP
    rate = grown["voice"]["sent_bytes"] * 8 / seconds / 1e6
    assert 5.4 <= rate <= 6.6, grown


def test_observing_touches_nothing(agent):
    agent.qos["mode"] = "observe"
    before = agent.space.run("tc", "qdisc", "show")
    agent.start()
    time.sleep(2.5)
    assert agent.space.run("tc", "qdisc", "show") == before
    assert agent.status()["problems"] == []


@pytest.mark.parametrize("command", [("qos", "revert"), ("detach",)])
def test_putting_back_needs_no_agent(agent, command):
    before = agent.space.run("tc", "qdisc", "show", "dev", "left0")
    started(agent)
    agent.kill()
    agent.command(*command)
    assert agent.space.run("tc", "qdisc", "show", "dev", "left0") == before


def test_a_stranger_keeps_the_device_and_counting_goes_on(agent):
    foreign.shaper(agent.space, "left0")
    before = foreign.everything(agent.space, "left0")
    agent.start()
    wait_until("a word about it", lambda: agent.status()["problems"])
    (problem,) = agent.status()["problems"]
    assert "the root qdisc htb 9: is not Weir's" in problem
    call(agent.space, 10)
    (interface,) = agent.status()["interfaces"]
    assert interface["classes"]["tx"]["voice"]["packets"] == 10
    assert foreign.everything(agent.space, "left0")["classes"] == before["classes"]
    agent.stop()
    agent.command("detach")
    after = foreign.everything(agent.space, "left0")
    # HTB counts in its options what went past its classes.
    (root,) = after.pop("qdiscs")
    assert (root["kind"], root["handle"]) == ("htb", "9:")
    before.pop("qdiscs")
    assert after == before


def test_neighbours_are_as_they_were(agent):
    """Filters in clsact and TCX programs of others, both directions shaped."""
    agent.qos["interface"] = [WAN | {"ingress_mbps": 50}]
    fd = foreign.program("foreign")
    foreign.clsact_filter(agent.space, "left0", fd, priority=1)
    links = foreign.tcx(agent.space, "left0", fd)
    try:
        before = foreign.everything(agent.space, "left0")
        for _ in range(3):
            started(agent)
            assert foreign.everything(agent.space, "left0")["links"] == before["links"]
            agent.kill()
            agent.command("qos", "revert")
            agent.command("detach")
            assert foreign.everything(agent.space, "left0") == before
    finally:
        for one in (*links, fd):
            os.close(one)


def test_what_arrives_has_its_class_too(agent, netns):
    """Through the IFB, by the same program, with its code point washed off."""
    agent.qos |= {"interface": [WAN | {"ingress_mbps": 50}], "wash": True}
    started(agent)
    far = netns.spaces[1]

    def send() -> None:
        with far.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB9)
            for _ in range(20):
                one.sendto(b"x" * 100, ("10.9.0.1", 9))

    assert heard(agent.space, 20, send, "10.9.0.1") == [0x01] * 20
    assert agent.trees()["left0"]["ingress"]["voice"]["sent_packets"] == 20


def test_a_device_that_comes_later_is_shaped(agent, netns):
    """Meanwhile the other one is, and the missing one is said."""
    agent.capture["interfaces"] = ["left0", "late0"]
    agent.qos["interface"] = [WAN, WAN | {"name": "late0"}]
    started(agent)
    missing = "qos: late0: there is no such device: check the name"
    assert missing in agent.status()["problems"]
    netns.veth(agent.space, "late0", netns.spaces[1], "far0")
    wait_until("its tree", lambda: "late0" in agent.trees())
    wait_until("no word about it", lambda: missing not in agent.status()["problems"])
    before = voice(agent)
    wait_until("classes again", lambda: call(agent.space, 1) or voice(agent) > before)


def test_a_rule_given_by_api_moves_the_tree_in_place(agent):
    started(agent)
    kept = voice(agent)
    rule = {"traffic_type": "voice", "min_bandwidth": 1, "max_bandwidth": 3, "priority": 3}
    assert post(agent, "/qos/rule", rule)["status"] == "success"
    shown = "class htb 5745:21 parent 5745:2 .* ceil 3Mbit"
    wait_until(
        "the rule's ceiling",
        lambda: re.search(shown, agent.space.run("tc", "class", "show", "dev", "left0")),
    )
    assert voice(agent) >= kept, "the class was built anew"
    agent.stop()
    agent.start()
    time.sleep(2)
    assert re.search(shown, agent.space.run("tc", "class", "show", "dev", "left0"))
    assert agent.status()["problems"] == []


def post(agent: Agent, path: str, body: dict) -> dict:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(agent.folder / "run" / "agent.sock"))
        data = json.dumps(body)
        head = f"POST {path} HTTP/1.0\r\nHost: agent\r\nContent-Length: {len(data)}\r\n\r\n"
        one.sendall((head + data).encode())
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    told: dict = json.loads(answer.partition(b"\r\n\r\n")[2])
    return told
