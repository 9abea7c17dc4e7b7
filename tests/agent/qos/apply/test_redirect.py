from __future__ import annotations

import fcntl
import os
import socket
import struct
import time

import pytest

from agent.qos.apply import statistics
from agent.qos.plan import ifb_name
from tests.agent.qos.apply.frames import Receiver, Sender
from tests.agent.qos.apply.worlds import Bench
from tests.support import frames as build

pytestmark = pytest.mark.root


@pytest.mark.alone
def test_what_arrives_is_shaped(bench, quiet_pair):
    """10 Mbit/s into left0, though right0 sends as fast as its socket lets it."""
    left, right = quiet_pair
    bench.apply(bench.wanted(0, 10))
    with (
        Receiver(left, "left0") as receiver,
        Sender(right, "right0", "unknown", base=0),
        bench.kernel() as kernel,
    ):
        index = left.index(ifb_name("left0"))
        before = statistics.of_root(kernel.netlink, index)
        start = time.monotonic()
        time.sleep(2)
        after = statistics.of_root(kernel.netlink, index)
        passed = time.monotonic() - start
    sent = (after.sent_bytes - before.sent_bytes) * 8 / passed
    # The frames take the baseline branch: nobody has given them a class.
    assert 9e6 < sent < 10.5e6
    assert after.overlimits > before.overlimits
    assert receiver.numbers["unknown"]


TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def test_what_arrives_without_a_link_layer_is_shaped(bench):
    """PPP, WireGuard and tun have no Ethernet header for an IFB to send."""
    frames = 50
    with bench.space.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
        bench.space.run("ip", "address", "add", "10.3.0.1/24", "dev", "tun0")
        bench.space.run("ip", "link", "set", "tun0", "up")
        world = Bench(bench.space, bench.directory, "tun0")
        world.apply(world.wanted(0, 10))
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
                heard.bind(("10.3.0.1", 9))
                heard.settimeout(2)
                for number in range(frames):
                    payload = build.udp(9, 9, bytes([number]))
                    os.write(tun, build.ipv4("10.3.0.2", "10.3.0.1", payload).data)
                found = [heard.recv(100)[0] for _ in range(frames)]
            with world.kernel() as kernel:
                index = bench.space.index(ifb_name("tun0"))
                counts = statistics.of_root(kernel.netlink, index)
        finally:
            world.revert()
            os.close(tun)
    assert found == list(range(frames))
    assert counts.sent_packets >= frames


def test_reading_and_writing(bench):
    bench.tc("qdisc", "add", "dev", "left0", "clsact")
    with bench.kernel() as kernel:
        index = bench.space.index("left0")
        for target in (index, 1, 0):
            kernel.redirects.write(index, target)
            assert kernel.redirects.read(index) == target
        assert not kernel.is_hook_shared("left0") if kernel.read() else False
    assert bench.tc("filter", "show", "dev", "left0", "ingress") == ""
