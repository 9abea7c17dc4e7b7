"""A flow seen on two interfaces, or on a bridge and its port, counts once."""

from __future__ import annotations

import socket

import pytest

from tests.support.agents import Agent

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

DATAGRAMS = 500
PAYLOAD = 200
WIRE = DATAGRAMS * (14 + 20 + 8 + PAYLOAD)


@pytest.fixture
def routed(netns):
    """client - router - server, IPv4 only, the router forwarding."""
    client, router, server = (netns.namespace(name, ipv6=False) for name in "crs")
    netns.veth(client, "c0", router, "lan")
    netns.veth(server, "s0", router, "wan")
    client.address("c0", "10.1.0.2/24")
    router.address("lan", "10.1.0.1/24")
    router.address("wan", "10.2.0.1/24")
    server.address("s0", "10.2.0.2/24")
    client.route("10.2.0.0/24", "10.1.0.1")
    server.route("10.1.0.0/24", "10.2.0.1")
    router.sysctl("ipv4/ip_forward", 1)
    return client, router, server


def datagrams(client, server):
    with server.entered():
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inbox.bind(("10.2.0.2", 9000))
        inbox.settimeout(10)
    with client.entered():
        outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outbox.bind(("10.1.0.2", 9001))
    with inbox, outbox:
        for _ in range(DATAGRAMS):
            outbox.sendto(bytes(PAYLOAD), ("10.2.0.2", 9000))
            inbox.recv(2048)


def endpoints(agent):
    """{id: (bytes in, bytes out)} over all batches."""
    sums = {}
    for batch in agent.batches():
        for name, row in zip(batch.endpoints.ids, batch.endpoints.totals, strict=True):
            held = sums.setdefault(name, [0, 0])
            held[0] += int(row["bytes_in"])
            held[1] += int(row["bytes_out"])
    return sums


@pytest.mark.parametrize("interfaces", [["lan", "wan"], ["lan"], ["wan"]])
def test_forwarded_datagrams_count_once_for_both_ends(routed, tmp_path, interfaces):
    client, router, server = routed
    agent = Agent(router, tmp_path, capture={"interfaces": interfaces, "xdp": "off"})
    try:
        agent.start()
        datagrams(client, server)
        agent.stop()
        counted = endpoints(agent)
    finally:
        agent.remove()
    assert counted["10.1.0.2"][1] == WIRE
    assert counted["10.2.0.2"][0] == WIRE


def test_a_bridge_and_its_port_count_once(netns, tmp_path):
    client, router = netns.namespace("c", ipv6=False), netns.namespace("r", ipv6=False)
    netns.veth(client, "c0", router, "port")
    with router.netlink() as ip:
        ip.link("add", ifname="br0", kind="bridge")
        bridge = ip.link_lookup(ifname="br0")[0]
        ip.link("set", index=router.index("port"), master=bridge)
        ip.link("set", index=bridge, state="up")
    client.address("c0", "10.1.0.2/24")
    router.address("br0", "10.2.0.2/24", "10.1.0.1/24")
    client.route("10.2.0.0/24", "10.1.0.1")
    agent = Agent(router, tmp_path, capture={"interfaces": ["br0", "port"], "xdp": "off"})
    try:
        agent.start()
        datagrams(client, router)
        agent.stop()
        counted = endpoints(agent)
    finally:
        agent.remove()
    assert counted["10.1.0.2"][1] == WIRE
