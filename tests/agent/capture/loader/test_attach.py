"""Hooks of an interface: ours on, ours off, everybody else's left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent.capture.loader import attach
from agent.capture.loader.attach import Attached, Wanted
from agent.capture.loader.pins import CaptureError, Pinned
from tests.support import foreign
from tests.support.namespaces import Namespace, World, wait_until

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
OURS = (attach.FILTER_HANDLE, attach.FILTER_PRIORITY)


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


def test_another_kind_of_hook_takes_the_pinned_ones_place(here: Namespace, pinned: Pinned):
    index = here.index("left0")
    attach.attach(pinned, index, "left0", Wanted("native", "tcx"))
    found = attach.attach(pinned, index, "left0", Wanted("off", "tcx"))
    assert (found.rx_mode, found.tx_mode) == ("tcx", "tcx")
    # The kernel lets go of an unpinned link a moment later.
    wait_until("XDP is off", lambda: "xdp" not in here.run("ip", "link", "show", "left0"))
    attach.detach(pinned.directory, index)
