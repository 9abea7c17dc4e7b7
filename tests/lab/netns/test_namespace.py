"""One namespace: its name, the way in and out, its links."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.netns import namespace
from tests.support.namespaces import World

pytestmark = pytest.mark.root
THREAD_NAMESPACE = Path("/proc/thread-self/ns/net")


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"weir-{secrets.token_hex(3)}"
    yield name
    namespace.remove(f"{name}-x")


def test_a_name_that_is_taken_is_named(prefix: str) -> None:
    namespace.create(f"{prefix}-x")
    with pytest.raises(FileExistsError, match=f"{prefix}-x: a network namespace"):
        namespace.create(f"{prefix}-x")
    namespace.remove(f"{prefix}-x")
    namespace.remove(f"{prefix}-x")


def test_entering_comes_back_after_an_error(prefix: str) -> None:
    before = THREAD_NAMESPACE.readlink()
    namespace.create(f"{prefix}-x")
    with namespace.entered(f"{prefix}-x"):
        assert THREAD_NAMESPACE.readlink() != before
    assert THREAD_NAMESPACE.readlink() == before
    with pytest.raises(FileNotFoundError), namespace.entered(f"{prefix}-x"):
        Path("/nowhere").read_text()
    assert THREAD_NAMESPACE.readlink() == before
    with pytest.raises(LookupError, match="eth9: no such interface"):
        namespace.index_of(f"{prefix}-x", "eth9")
    namespace.remove(f"{prefix}-x")


async def test_netlink_on_a_loop_is_refused_and_leaves_nothing(netns: World) -> None:
    with pytest.raises(RuntimeError, match="to_thread"):
        netns.namespace("x")
    assert not namespace.exists(netns.spaces[0].name)


def test_settings_and_loopback_are_the_namespaces_own(netns: World) -> None:
    space = netns.namespace("x").name
    namespace.set_sysctl(space, "ipv4/ip_forward", 1)
    with namespace.entered(space):
        assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
        assert "lo:" in Path("/proc/thread-self/net/dev").read_text()
    with namespace.netlink(space) as ip:
        flags = ip.get_links(ifname="lo")[0]["flags"]
    assert flags & 1
