"""A call beside eight downloads through a real agent: in time, and the link stays full."""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.agents import Agent
from tests.support.capturing import capture
from tests.support.namespaces import wait_until

pytestmark = [pytest.mark.root, pytest.mark.alone, pytest.mark.timeout(240)]

LINK_MBPS = 20
FILE_PORT = 445  # file by its port (agent/classify/ports.py)
SIP_PORT = 5060
SO_TIMESTAMPNS = 35

SINK = """
import selectors, socket, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
server = socket.create_server(("10.9.0.2", port))
print("ready", flush=True)
waits, totals = selectors.DefaultSelector(), {}
waits.register(server, selectors.EVENT_READ)
buffer, end, begin = bytearray(1 << 18), None, None
while end is None or time.monotonic() < end:
    for key, _ in waits.select(0.1):
        if key.fileobj is server:
            one, _ = server.accept()
            totals[one] = 0
            waits.register(one, selectors.EVENT_READ)
            begin = begin or time.monotonic() + 2
            end = begin + seconds
        else:
            size = key.fileobj.recv_into(buffer)
            if time.monotonic() >= begin:
                totals[key.fileobj] += size
print(" ".join(str(size * 8 / seconds / 1e6) for size in totals.values()), flush=True)
"""

SOURCE = """
import socket, sys, threading
def pour():
    try:
        with socket.create_connection(("10.9.0.2", int(sys.argv[1]))) as one:
            while True:
                one.sendall(bytes(1 << 16))
    except OSError:
        pass
for _ in range(int(sys.argv[2])):
    threading.Thread(target=pour).start()
"""


@dataclass
class Downloads:
    """What a sink counted: Mbit/s of payload, flow by flow."""

    megabits: list[float]


@contextmanager
def downloads(left, right, flows: int, seconds: float, port: int = FILE_PORT):
    """Bulk TCP from left to right while the block runs; its first seconds do not count."""
    sink = right.popen(
        sys.executable, "-c", SINK, str(port), str(seconds), stdout=-1, text=True
    )
    assert sink.stdout.readline() == "ready\n"
    source = left.popen(sys.executable, "-c", SOURCE, str(port), str(flows))
    found = Downloads([])
    try:
        time.sleep(2)
        yield found
        found.megabits = [float(word) for word in sink.communicate(timeout=60)[0].split()]
    finally:
        sink.kill()
        source.kill()
        sink.wait()
        source.wait()


def delays_ms(left, right, packets: int, gap_s: float = 0.02) -> list[float]:
    """One way, of packets as a call sends them; the kernel stamps their arrival."""
    with right.entered():
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    inbox.bind(("10.9.0.2", SIP_PORT))
    inbox.settimeout(5)
    with left.entered():
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found = []
    with inbox, phone:
        for _ in range(packets):
            sent_ns = time.time_ns()
            phone.sendto(b"v" * 130, ("10.9.0.2", SIP_PORT))
            _, ancillary, _, _ = inbox.recvmsg(256, 64)
            seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
            found.append((seconds * 10**9 + nanoseconds - sent_ns) / 1e6)
            time.sleep(gap_s)
    return found


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


@pytest.fixture
def agent(netns, tmp_path):
    left, _ = netns.pair()
    running = Agent(
        left,
        tmp_path,
        capture={"interfaces": ["left0"], "xdp": "off", "loader": "libbpf"},
        qos={"mode": "shape", "interface": [{"name": "left0", "egress_mbps": LINK_MBPS}]},
    )
    yield running
    running.remove()


def good(seen: list[tuple[float, float]]) -> bool:
    """Three of five tell: a shared machine may wake a sender late."""
    in_time = sum(added_ms <= 2 for added_ms, _ in seen)
    full = sum(megabits >= 0.94 * LINK_MBPS for _, megabits in seen)
    return min(in_time, full) >= 3


def test_a_call_is_in_time_and_the_link_is_full(agent, netns):
    left, right = netns.spaces
    agent.start()
    wait_until(
        "a class",
        lambda: (
            delays_ms(left, right, 1)
            and shown(agent).get("voice", {}).get("sent_packets", 0) > 0
        ),
    )
    alone = delays_ms(left, right, 100)
    seen: list[tuple[float, float]] = []
    while len(seen) < 5 and not good(seen):
        with downloads(left, right, 8, 5) as bulk:
            loaded = delays_ms(left, right, 200)
        added = p99(loaded) - p99(alone)
        seen.append((round(added, 3), round(sum(bulk.megabits), 2)))
    print(json.dumps({"voice_p99_alone_ms": p99(alone), "added_ms_and_mbps": seen}))
    assert good(seen), seen
    assert shown(agent)["file"]["sent_packets"] > 1000
    assert agent.status()["problems"] == []


def test_marks_of_super_packets_at_the_far_end(agent, netns, tmp_path):
    """TCP with ECN, handed over in frames of many segments: AF11, and ECN as it was."""
    left, right = netns.spaces
    for space in (left, right):
        space.sysctl("ipv4/tcp_ecn", 1)
    agent.start()
    wait_until("a tree", lambda: shown(agent))
    time.sleep(1.5)
    arrived = tmp_path / "arrived.pcap"
    only = f"tcp dst port {FILE_PORT}"
    with (
        capture(right, "right0", arrived, expression=only) as seen,
        downloads(left, right, 2, 2),
    ):
        pass
    classes = [frame[15] for frame in seen.frames()]
    assert {traffic_class >> 2 for traffic_class in classes} == {10}
    assert classes.count(10 << 2 | 2) > len(classes) // 2  # ECT(0) on data
    assert max(seen.lengths()) > 1514, "no super-packet was seen"


def shown(agent: Agent) -> dict:
    shown: dict = agent.trees().get("left0", {}).get("egress", {})
    return shown
