"""The machine's tree, read whole and changed a step at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from agent.qos.apply.kernel import Kernel
from agent.qos.apply.netlink import Netlink, Refused
from agent.qos.plan import ifb_name
from agent.qos.tree import Change, Link, Redirect
from tests.support.namespaces import Namespace

pytestmark = pytest.mark.root


@dataclass
class Pointers:
    """Redirects in a table of this process."""

    targets: dict[int, int] = field(default_factory=dict)

    def read(self, index: int) -> int:
        return self.targets.get(index, 0)

    def write(self, index: int, target: int) -> None:
        self.targets[index] = target

    def is_hook_shared(self, index: int) -> bool:
        return False


@pytest.fixture
def kernel(quiet_pair: tuple[Namespace, Namespace]) -> Iterator[Kernel]:
    with quiet_pair[0].entered(), Netlink() as netlink:
        yield Kernel(netlink, Pointers(), ("left0", "gone0"))


def links(kernel: Kernel) -> list[str]:
    return sorted(item.device for item in kernel.read().values() if isinstance(item, Link))


def test_a_device_as_it_is(kernel: Kernel, quiet_pair: tuple[Namespace, Namespace]):
    found = kernel.found("left0")
    assert (found.link.device, found.link.kind, found.mtu, found.hook) == (
        "left0", "", 1500, None,
    )  # fmt: skip
    quiet_pair[0].run("tc", "qdisc", "add", "dev", "left0", "clsact")
    hook = kernel.found("left0").hook
    assert hook is not None
    assert hook.kind == "clsact"


def test_a_device_that_is_not_there(kernel: Kernel):
    with pytest.raises(Refused, match="gone0: there is no such device") as refusal:
        kernel.found("gone0")
    assert refusal.value.is_gone
    assert links(kernel) == ["left0"]
    with pytest.raises(Refused) as refusal:
        kernel.is_hook_shared("gone0")
    assert refusal.value.errno == errno.ENODEV


def test_an_ifb_is_made_pointed_at_and_taken_away(kernel: Kernel):
    name = ifb_name("left0")
    kernel.read()
    kernel.write(Change(None, Link(name, "ifb")))
    assert links(kernel) == sorted(["left0", name])
    with pytest.raises(Refused) as refusal:
        kernel.write(Change(None, Link(name, "ifb")))
    assert refusal.value.errno == errno.EEXIST
    pointer = Redirect("left0", name)
    kernel.write(Change(None, pointer))
    assert pointer in kernel.read().values()
    kernel.write(Change(pointer, None))
    assert pointer not in kernel.read().values()
    kernel.write(Change(Link(name, "ifb"), None))
    assert links(kernel) == ["left0"]


def test_an_ifb_of_somebody_else_is_not_ours(
    kernel: Kernel, quiet_pair: tuple[Namespace, Namespace]
):
    name = ifb_name("left0")
    quiet_pair[0].run("ip", "link", "add", name, "type", "ifb")
    assert links(kernel) == ["left0"]


def test_a_link_is_changed_in_place(kernel: Kernel):
    (before,) = [one for one in kernel.read().values() if isinstance(one, Link)]
    smaller = Link("left0", "", 9000, before.gro_max_bytes)
    kernel.write(Change(before, smaller))
    (after,) = [one for one in kernel.read().values() if isinstance(one, Link)]
    assert after.gso_max_bytes == 9000
    kernel.write(Change(after, before))
    assert before in kernel.read().values()
