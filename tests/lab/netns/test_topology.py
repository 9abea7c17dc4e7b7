"""The plan of the lab, looked at without a kernel."""

from __future__ import annotations

import ipaddress

import pytest

from lab.netns.topology import LONGEST_PREFIX, MOST_HOSTS, Topology, design

EVERY_SIZE = pytest.mark.parametrize("hosts", [1, 2, 3, MOST_HOSTS])


@EVERY_SIZE
def test_names_fit_the_kernel(hosts: int) -> None:
    plan = design("a" * LONGEST_PREFIX, hosts)
    ends = [end for link in plan.links for end in link]
    assert all(len(end.interface) <= 15 for end in ends)
    assert all(space.startswith("a" * LONGEST_PREFIX + "-") for space in plan.spaces)
    assert len({end.mac for end in ends}) == len(ends)
    assert len({(end.space, end.interface) for end in ends}) == len(ends)


@EVERY_SIZE
def test_every_address_is_one_hosts_own(hosts: int) -> None:
    plan = design(hosts=hosts)
    addresses = [a for link in plan.links for end in link for a in end.addresses]
    assert len(set(addresses)) == len(addresses)
    assert len(plan.hosts) == hosts
    for host in plan.hosts:
        assert {f"{host.ipv4}/24", f"{host.ipv6}/64"} <= set(addresses)


@EVERY_SIZE
def test_every_gateway_is_the_router_on_the_same_network(hosts: int) -> None:
    plan = design(hosts=hosts)
    routers = networks_of(plan, plan.router)
    for space, _, gateway in plan.routes:
        at = next(net for net in routers if net.ip == ipaddress.ip_address(gateway))
        assert any(own.network == at.network for own in networks_of(plan, space))
    assert {space for space, _, _ in plan.routes} == {
        plan.server,
        *(host.space for host in plan.hosts),
    }


@EVERY_SIZE
def test_only_the_router_forwards(hosts: int) -> None:
    assert {space for space, _, _ in design(hosts=hosts).sysctls} == {design().router}


def test_one_client_needs_no_switch() -> None:
    assert design().bridges == ()
    assert design(hosts=2).bridges == (("weir-demo-switch", "br0"),)


@pytest.mark.parametrize(
    ("prefix", "hosts"),
    [("", 1), ("a" * (LONGEST_PREFIX + 1), 1), ("a/b", 1), ("..", 1), ("x", 0), ("x", 33)],
)
def test_what_cannot_be_had_is_refused(prefix: str, hosts: int) -> None:
    with pytest.raises(ValueError, match="prefix|hosts"):
        design(prefix, hosts)


def networks_of(
    plan: Topology, space: str
) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    return [
        ipaddress.ip_interface(address)
        for link in plan.links
        for end in link
        if end.space == space
        for address in end.addresses
    ]
