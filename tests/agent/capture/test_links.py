"""Interfaces as the kernel lists them, and names that patterns take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.capture.links import CLSACT_PARENTS, Links, gone, matching
from tests.support import foreign
from tests.support.namespaces import Namespace, World

ETH = replace(gone("eth0", 2), mac="02:00:00:00:00:01", mtu=1500, is_up=True)
LO = replace(ETH, name="lo", ifindex=1, is_loopback=True)
LISTED = [LO, ETH, replace(ETH, name="eth1"), replace(ETH, name="wan0.7")]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ((), []),
        (("eth0",), ["eth0"]),
        (("eth*",), ["eth0", "eth1"]),
        (("*",), ["eth0", "eth1", "wan0.7"]),
        (("lo",), ["lo"]),
        (("l*",), []),
        (("*", "lo"), ["lo", "eth0", "eth1", "wan0.7"]),
        (("eth[1-9]", "wan?.?"), ["eth1", "wan0.7"]),
        (("ETH0", ""), []),
    ],
)
def test_names_and_globs_but_loopback_by_its_name_only(
    patterns: tuple[str, ...], names: list[str]
):
    assert [link.name for link in matching(LISTED, patterns)] == names


@pytest.fixture
def links(netns: World) -> Iterator[tuple[Links, Namespace]]:
    left, _ = netns.pair(quiet=True)
    with left.entered():
        made = Links()
        yield made, left
        made.close()


@pytest.mark.root
def test_what_an_interface_is(links: tuple[Links, Namespace]):
    made, space = links
    space.address("left0", "192.0.2.1/24")
    found = {link.name: link for link in made.list()}
    left = found["left0"]
    assert left.ifindex == space.index("left0")
    assert bytes.fromhex(left.mac.replace(":", "")) == space.mac("left0")
    assert (left.mtu, left.is_up, left.is_loopback, left.layer3) == (
        1500,
        True,
        False,
        False,
    )
    assert "192.0.2.1/24" in left.addresses
    assert left.statistics.shape == (2, 3)
    assert found["lo"].is_loopback


@pytest.mark.root
def test_a_change_is_seen_once(links: tuple[Links, Namespace]):
    made, space = links
    made.changed()
    assert made.changed() is False
    with space.netlink() as ip:
        ip.link("set", index=space.index("left0"), mtu=1400)
    assert made.changed() is True
    assert made.changed() is False


@pytest.mark.root
def test_counts_of_interfaces_that_are_there(links: tuple[Links, Namespace]):
    made, space = links
    index = space.index("left0")
    before = made.statistics([index, 9999])
    assert set(before) == {index}
    assert made.statistics([]) == {}
    assert (made.statistics([index])[index] >= before[index]).all()


@pytest.mark.root
def test_promiscuous_is_set_and_cleared(links: tuple[Links, Namespace]):
    made, space = links
    for on in (True, False):
        made.set_promiscuous(space.index("left0"), on=on)
        assert ("PROMISC" in space.run("ip", "link", "show", "left0")) is on
        found = {link.name: link.is_promiscuous for link in made.list()}
        assert found == {"lo": False, "left0": on}
    made.set_promiscuous(9999, on=False)


@pytest.mark.root
def test_only_an_empty_clsact_goes(links: tuple[Links, Namespace]):
    made, space = links
    index = space.index("left0")
    assert made.remove_empty_clsact(index) is False
    fd = foreign.program("foreign")
    foreign.clsact_filter(space, "left0", fd, 5)
    os.close(fd)
    assert made.remove_empty_clsact(index) is False
    with space.netlink() as ip:
        for parent in CLSACT_PARENTS:
            ip.tc("del-filter", "bpf", index, parent=parent, prio=5, handle=1)
    assert made.remove_empty_clsact(index) is True
    assert "clsact" not in space.run("tc", "qdisc", "show", "dev", "left0")
