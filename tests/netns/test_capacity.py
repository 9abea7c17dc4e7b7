"""A link that is slower further on: what it carries is found out, and shaped to."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.agents import Agent
from tests.support.namespaces import Namespace, wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

LINK_MBPS = 10
PORT = 5001


@pytest.fixture
def path(netns) -> tuple[Namespace, Namespace, Namespace]:
    """The agent's machine, and a server behind a router whose link has 10 Mbit/s."""
    near, router, far = (netns.namespace(role) for role in ("near", "router", "far"))
    netns.veth(near, "wan0", router, "in0")
    netns.veth(router, "out0", far, "far0")
    near.address("wan0", "10.8.0.1/24")
    router.address("in0", "10.8.0.2/24")
    router.address("out0", "10.8.1.2/24")
    far.address("far0", "10.8.1.1/24")
    near.route("10.8.1.0/24", "10.8.0.2")
    far.route("10.8.0.0/24", "10.8.1.2")
    router.sysctl("ipv4/ip_forward", 1)
    for space, device in ((near, "wan0"), (router, "in0"), (router, "out0"), (far, "far0")):
        space.offloads_off(device)
    rate = f"{LINK_MBPS}mbit"
    tc = ("tc", "qdisc", "add", "dev", "out0")
    router.run(*tc, "root", "handle", "9:", "htb", "default", "1")
    one = ("tc", "class", "add", "dev", "out0", "parent", "9:", "classid", "9:1", "htb")
    router.run(*one, "rate", rate, "burst", "5k")
    router.run(*tc, "parent", "9:1", "bfifo", "limit", "250000")  # 200 ms
    return near, router, far


@contextlib.contextmanager
def uploads(near: Namespace, far: Namespace, count: int) -> Iterator[list[float]]:
    """TCP as fast as it goes; [megabits that arrived, seconds]."""
    stop = threading.Event()
    with far.entered():
        server = socket.create_server(("10.8.1.1", PORT))
    senders = []
    for _ in range(count):
        with near.entered():
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        one.connect(("10.8.1.1", PORT))
        senders.append(one)
    receivers = [server.accept()[0] for _ in range(count)]
    arrived = [0] * count

    def send(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                one.send(b"x" * 20_000)

    def receive(number: int) -> None:
        with contextlib.suppress(OSError):
            while octets := len(receivers[number].recv(65536)):
                arrived[number] += octets

    threads = [threading.Thread(target=send, args=(one,)) for one in senders]
    threads += [threading.Thread(target=receive, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield arrived
    finally:
        stop.set()
        for one in (*senders, *receivers, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in threads:
            thread.join()


def lane(agent: Agent) -> dict:
    return agent.status()["qos"]["devices"]["wan0"]["egress"]


def backlog(router: Namespace) -> int:
    """Bytes that wait before the slow link."""
    shown = router.run("tc", "-s", "qdisc", "show", "dev", "out0", "parent", "9:1")
    number, unit = re.search(r"backlog (\d+)(K?)b", shown).groups()
    return int(number) * (1024 if unit else 1)


def test_the_capacity_is_found_out_and_the_queue_comes_home(path, tmp_path):
    near, router, far = path
    agent = Agent(
        near,
        tmp_path,
        capture={"interfaces": ["wan0"], "xdp": "off", "walk_interval": 1},
        qos={"mode": "shape", "interface": [{"name": "wan0", "egress_mbps": "measured"}]},
    )
    try:
        agent.start()
        wait_until("a lane", lambda: agent.status()["qos"]["devices"])
        assert (lane(agent)["capacity_source"], lane(agent)["link_mbps"]) == ("measured", 0)
        with uploads(near, far, 1):  # some light traffic would do: the least round trip
            time.sleep(0.3)
        time.sleep(2)
        with uploads(near, far, 3) as arrived:
            wait_until("a capacity", lambda: lane(agent)["link_mbps"], timeout_s=60)
            time.sleep(8)
            found = lane(agent)["link_mbps"]
            begun, before = time.monotonic(), sum(arrived)
            waiting = []
            for _ in range(10):
                time.sleep(0.5)
                waiting.append(backlog(router))
            goodput = (sum(arrived) - before) * 8 / 1e6 / (time.monotonic() - begun)
        assert 0.85 * LINK_MBPS <= found <= 1.0 * LINK_MBPS, found
        assert goodput >= 0.8 * LINK_MBPS
        # What waited on the router, 200 ms of it, waits where priorities count.
        assert sorted(waiting)[5] < 25_000, waiting
        trees = agent.trees()["wan0"]["egress"]["all"]
        assert trees["sent_packets"] > 1000
        agent.stop()
        agent.start()
        wait_until("a lane", lambda: agent.status()["qos"]["devices"])
        wait_until("what was known", lambda: lane(agent)["link_mbps"] == found)
    finally:
        agent.remove()
