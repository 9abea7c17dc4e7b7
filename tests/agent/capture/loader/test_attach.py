"""Hooks of an interface: ours on, ours off, everybody else's left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent.capture.loader import attach, clsact
from agent.capture.loader.attach import Attached, Wanted
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import CaptureError, Pinned
from tests.support import foreign, frames as build
from tests.support.namespaces import Namespace, World
from tests.support.sending import send

pytestmark = pytest.mark.root


@pytest.fixture
def here(netns: World) -> Iterator[Namespace]:
    """left0 in a namespace that this thread is in."""
    left, _ = netns.pair(quiet=True)
    with left.entered():
        yield left


def filters(space: Namespace, parent: int) -> list[tuple[int, int]]:
    """Handle and priority of every filter on a side of clsact."""
    with space.netlink() as ip:
        found = ip.get_filters(index=space.index("left0"), parent=parent)
        return [(one["handle"], one["info"] >> 16) for one in found if one["handle"]]


INGRESS, EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
OURS = (clsact.FILTER_HANDLE, clsact.FILTER_PRIORITY)


@pytest.mark.parametrize(
    ("wanted", "modes"),
    [
        (Wanted("native", "clsact"), ("xdp-native", "clsact")),
        (Wanted("generic", "clsact"), ("xdp-generic", "clsact")),
        (Wanted("off", "clsact"), ("clsact", "clsact")),
        (Wanted("auto", "auto"), ("xdp-native", "tcx")),
        (Wanted("off", "tcx"), ("tcx", "tcx")),
    ],
)
def test_the_hooks_that_are_asked_for(
    here: Namespace, pinned: Pinned, wanted: Wanted, modes: tuple[str, str]
):
    index = here.index("left0")
    found = attach.attach(pinned, index, "left0", wanted)
    assert (found.rx_mode, found.tx_mode) == modes
    assert found.made_clsact == ("clsact" in modes)
    again = attach.attach(pinned, index, "left0", wanted)
    assert again == Attached(*modes, made_clsact=False)
    links = {path.name for path in (pinned.directory / "links").iterdir()}
    ways = zip(("rx", "tx"), modes, strict=True)
    assert links == {f"{index}-{way}" for way, mode in ways if mode != "clsact"}
    attach.detach(pinned.directory, index)
    attach.detach(pinned.directory, index)
    assert list((pinned.directory / "links").iterdir()) == []
    assert filters(here, INGRESS) == filters(here, EGRESS) == []


def test_a_filter_of_others_stays(here: Namespace, pinned: Pinned):
    index = here.index("left0")
    fd = foreign.program("foreign")
    foreign.clsact_filter(here, "left0", fd, 5)
    os.close(fd)
    before = filters(here, INGRESS), filters(here, EGRESS)
    found = attach.attach(pinned, index, "left0", Wanted("off", "clsact"))
    assert found == Attached("clsact", "clsact", made_clsact=False)
    assert OURS in filters(here, INGRESS)
    assert OURS in filters(here, EGRESS)
    attach.detach(pinned.directory, index)
    assert (filters(here, INGRESS), filters(here, EGRESS)) == before
    assert len(before[0]) == len(before[1]) == 1


def test_an_interface_that_is_gone_is_one_line(here: Namespace, pinned: Pinned):
    for wanted in (Wanted(), Wanted("off", "clsact"), Wanted("native")):
        with pytest.raises(CaptureError) as failure:
            attach.attach(pinned, 9999, "gone0", wanted)
        assert str(failure.value).startswith("gone0: cannot attach: ")
        assert "\n" not in str(failure.value)
    attach.detach(pinned.directory, 9999)


def test_native_where_it_cannot_be_is_refused_and_nothing_stays(
    here: Namespace, pinned: Pinned
):
    with pytest.raises(CaptureError, match="cannot attach"):
        attach.attach(pinned, 1, "lo", Wanted("native", "clsact"))
    assert list((pinned.directory / "links").iterdir()) == []


WAYS = {
    "native": Wanted("native", "tcx"),
    "generic": Wanted("generic", "clsact"),
    "tcx": Wanted("off", "tcx"),
    "clsact": Wanted("off", "clsact"),
}
FRAME = build.ethernet(build.ipv4("10.0.0.1", "192.0.2.1", build.udp(7, 8, b"x")))[0]


@pytest.mark.parametrize("after", WAYS)
@pytest.mark.parametrize("before", WAYS)
def test_whatever_was_attached_before_each_frame_counts_once(
    netns: World, here: Namespace, pinned: Pinned, before: str, after: str
):
    index, kernel = here.index("left0"), Kernel(pinned)
    kernel.set_interface(index, 0, 0)
    attach.attach(pinned, index, "left0", WAYS[before])
    found = attach.attach(pinned, index, "left0", WAYS[after])
    shown = here.run("ip", "link", "show", "left0")
    modes = {"native": " xdp ", "generic": " xdpgeneric "}
    assert [word in shown for word in modes.values()] == [way == after for way in modes]
    assert found.rx_mode.removeprefix("xdp-") == after
    for space, interface in ((here, "left0"), (netns.spaces[1], "right0")):
        send(space, interface, [FRAME] * 10)
    here.wait_quiet("left0")
    assert kernel.counters([0])["seen"]["frames"][0].tolist() == [10, 10]
    attach.detach(pinned.directory, index)
    assert "xdp" not in here.run("ip", "link", "show", "left0")
    assert filters(here, INGRESS) == filters(here, EGRESS) == []
