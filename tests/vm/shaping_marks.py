"""Code points at the far end: IPv4, IPv6, VLAN, and bulk of the router's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from guest import run, say
from router import inside
from shaping_latency import FAR, role
from shaping_link import WAN

SIP, FILE = 5060, 445
EF, AF11 = 46 << 2, 10 << 2
# Port and TOS as sent, TOS as it has to arrive: what is unmarked gets the code point of its
# class, what is marked keeps its own, and ECN bits are nobody's business.
EXPECTED = {
    (SIP, 0x00): EF, (SIP + 1, 0x01): EF | 1, (SIP + 2, 0x2A): 0x2A,
    (7007, 0x02): 0x02, (7008, 0xB8): 0xB8, (53, 0x03): 1 << 2 | 3,
}  # fmt: skip
VLAN, VLAN_FAR = 7, "10.7.0.2"
FAR6 = "fd02::2"


@contextmanager
def more_ways() -> Iterator[None]:
    """IPv6 through the router, and a VLAN on the link."""
    for space, link, address in (
        (None, "eth10", "fd01::1/64"), (None, WAN, "fd02::1/64"),
        ("left", "lan0", "fd01::2/64"), ("right", "lan0", "fd02::2/64"),
    ):  # fmt: skip
        there = ("ip",) if space is None else ("ip", "-n", space)
        run(*there, "address", "replace", address, "dev", link, "nodad")
        if space is not None:
            gateway = address[:6] + "1"
            run(*there, "-6", "route", "replace", "default", "via", gateway)
    for there, device, address in (
        (("ip",), WAN, "1"),
        (("ip", "-n", "right"), "lan0", "2"),
    ):
        name = f"{device}.{VLAN}"
        run(
            *there,
            "link",
            "add",
            "link",
            device,
            "name",
            name,
            "type",
            "vlan",
            "id",
            str(VLAN),
        )
        run(*there, "address", "add", f"10.7.0.{address}/24", "dev", name)
        run(*there, "link", "set", name, "up")
    time.sleep(2)
    try:
        yield
    finally:
        run("ip", "link", "del", f"{WAN}.{VLAN}")
        run("ip", "-n", "right", "link", "del", f"lan0.{VLAN}")


def seen(seconds: float) -> dict[str, int]:
    """Calls to every far address, and bulk from this machine; frames by what they were."""
    far = role("right", "sniff", seconds=seconds + 1)
    assert far.stdout.readline() == "ready\n"
    calls = ",".join(f"{port}:{tos}" for port, tos in EXPECTED)
    sources = [
        role("left", "talk", address=address, calls=calls, seconds=seconds)
        for address in (FAR, FAR6, VLAN_FAR)
    ]
    far_sink = role("right", "hear", bulk=FILE, seconds=seconds)
    far_sink.stdout.readline()
    # Of the router's own: frames of many segments meet the hook, and cake cuts them after.
    bulk = role(None, "pour", address=FAR, bulk=f"{FILE},{FILE}", seconds=seconds - 1)
    for one in (*sources, bulk, far_sink):
        one.wait(60)
    return json.loads(far.communicate(timeout=60)[0])


def code_points_at_the_far_end() -> None:
    """Every call by every way, right in all its frames; bulk is AF11 and keeps its ECN."""
    for space in ((), inside("right")):
        run(*space, "sysctl", "-qw", "net.ipv4.tcp_ecn=1")
    with more_ways():
        found = seen(4)
    say("FACT marks", json.dumps(found))
    wrong = []
    for way in ("4", "6", f"4 vlan {VLAN}"):
        for (port, _), wanted in EXPECTED.items():
            arrived = {
                key: n for key, n in found.items() if key.startswith(f"{way} udp {port} ")
            }
            right = f"{way} udp {port} {wanted:02x} sound"
            if set(arrived) != {right} or arrived[right] < 20:
                wrong.append(f"{right}: {arrived}")
    bulk = {key: n for key, n in found.items() if key.startswith(f"4 tcp {FILE} ")}
    marked = sum(n for key, n in bulk.items() if f" {AF11 | 2:02x} " in key)
    if {int(key.split()[3], 16) >> 2 for key in bulk} != {10} or not marked:
        wrong.append(f"bulk: {bulk}")
    if any("unsound" in key for key in found):
        wrong.append("a header checksum is wrong")
    assert not wrong, "; ".join(wrong)


CHECKS = (code_points_at_the_far_end,)
