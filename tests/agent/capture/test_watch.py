"""Interfaces that come and go: notes, slots and flags at each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.links import Links
from agent.capture.loader import bpf
from agent.capture.loader.attach import Wanted
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import Pinned
from agent.capture.watch import Choice, Override, Watch
from tests.support.namespaces import Namespace, World

pytestmark = pytest.mark.root

CLSACT = Wanted("off", "clsact")


@pytest.fixture
def here(netns: World) -> Iterator[tuple[World, Namespace, Namespace]]:
    left, right = netns.pair(quiet=True)
    with left.entered():
        yield netns, left, right


@pytest.fixture
def links(here: tuple[World, Namespace, Namespace]) -> Iterator[Links]:
    made = Links()
    yield made
    made.close()


def watch(pinned: Pinned, links: Links, *patterns: str, **choices: Any) -> Watch:
    choice = Choice(patterns, wanted=CLSACT, **choices)
    return Watch(pinned, Kernel(pinned), links, choice)


def test_one_that_is_there_is_watched_at_once(pinned: Pinned, links: Links):
    one = watch(pinned, links, "left0")
    assert one.refresh() == ["left0: watched, rx clsact, tx clsact"]
    assert one.refresh() == []
    (found,) = one.interfaces()
    assert (found.name, found.slot, found.rx_mode, found.is_up) == (
        "left0",
        0,
        "clsact",
        True,
    )
    assert (one.used(), one.left(), one.failures()) == ([0], [], [])
    slot = Kernel(pinned).slots()[0]
    assert slot["flags"] == layout.SLOT_USED | layout.SLOT_MADE_CLSACT


def test_one_that_is_absent_is_told_once_and_watched_when_it_comes(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    netns, left, right = here
    one = watch(pinned, links, "late*")
    told = "late*: no such interface; it is watched as soon as it appears"
    assert (one.refresh(), one.refresh()) == ([told], [])
    assert (one.failures(), one.interfaces()) == ([told], ())
    netns.veth(left, "late0", right, "far0")
    assert one.refresh() == ["late0: watched, rx clsact, tx clsact"]
    assert one.failures() == []


def test_one_that_goes_keeps_its_slot_until_it_is_reported(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    netns, left, right = here
    one = watch(pinned, links, "left0", "late0")
    one.refresh()
    netns.veth(left, "late0", right, "far0")
    one.refresh()
    with left.netlink() as ip:
        ip.link("del", index=left.index("left0"))
    assert one.refresh() == ["left0: gone; its last flows are being reported"]
    assert (one.left(), one.used()) == ([0], [0, 1])
    assert [item.is_up for item in one.interfaces() if item.slot == 0] == [False]
    one.free(0)
    assert (one.left(), one.used()) == ([], [1])
    assert Kernel(pinned).slots()["flags"][0] == 0


def test_an_agent_that_starts_goes_on_with_the_slots_there_are(
    pinned: Pinned, links: Links
):
    watch(pinned, links, "left0").refresh()
    again = watch(pinned, links, "left0")
    assert again.refresh() == ["left0: watched, rx clsact, tx clsact"]
    assert again.used() == [0]
    slot = Kernel(pinned).slots()[0]
    assert slot["flags"] & layout.SLOT_MADE_CLSACT


def test_one_that_left_while_the_agent_was_dead_leaves_now(pinned: Pinned, links: Links):
    watch(pinned, links, "left0").refresh()
    again = watch(pinned, links, "none*")
    notes = again.refresh()
    assert "left0: gone; its last flows are being reported" in notes
    assert again.left() == [0]


def test_what_was_counted_is_reported_though_the_hook_is_refused_now(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    left, kernel = here[1], Kernel(pinned)
    left.run("ip", "link", "add", "bridge0", "type", "bridge")
    watch(pinned, links, "bridge0").refresh()
    again = Watch(pinned, kernel, links, Choice(("bridge0",), wanted=Wanted("native")))
    why, told = again.refresh()
    assert why.startswith("bridge0: cannot attach: ")
    assert told == "bridge0: gone; its last flows are being reported"
    assert (again.left(), again.failures()) == ([0], [why])
    assert kernel.slots()[0]["name"] == b"bridge0"
    again.free(0)
    assert [again.refresh() for _ in range(3)] == [[]] * 3
    assert (again.used(), again.failures()) == ([], [why])


def test_a_hook_that_is_refused_leaves_no_flows_behind(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    """The other one works for an instant: it must not count for a slot that is given up."""
    left, kernel = here[1], Kernel(pinned)
    left.run("ip", "link", "add", "bridge0", "type", "bridge")
    one = Watch(pinned, kernel, links, Choice(("bridge0",), wanted=Wanted("native")))
    assert one.refresh() == one.failures()
    row = np.zeros(1, layout.INTERFACE)
    index = left.index("bridge0")
    bpf.map_lookup(pinned.maps["interfaces"], index % layout.INTERFACE_ENTRIES, row)
    assert not row["ifindex"][0]
    assert (one.used(), kernel.slots()["flags"].any()) == ([], False)


def promiscuous(space: Namespace, interface: str = "left0") -> bool:
    return "PROMISC" in space.run("ip", "link", "show", interface)


@pytest.mark.parametrize("before", [False, True])
def test_frames_of_others_are_taken_while_it_is_watched(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace], before: bool
):
    left = here[1]
    left.run("ip", "link", "set", "left0", "promisc", "on" if before else "off")
    for _ in range(2):
        one = watch(pinned, links, "left0", promiscuous=True)
        one.refresh()
        assert promiscuous(left)
    one.choose(Choice(("none*",)))
    one.refresh()
    assert promiscuous(left) is before


def test_one_that_goes_takes_its_flag_with_it(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    left = here[1]
    one = watch(pinned, links, "left0", promiscuous=True)
    one.refresh()
    with left.netlink() as ip:
        ip.link("del", index=left.index("left0"))
    assert one.refresh() == ["left0: gone; its last flows are being reported"]


def test_the_last_slot_and_none_behind_it(pinned: Pinned, links: Links):
    kernel = Kernel(pinned)
    for slot in range(layout.SLOTS):
        kernel.set_slot(slot, f"old{slot}", 900_000 + slot, layout.SLOT_USED)
    one = watch(pinned, links, "left0")
    notes = one.refresh()
    full = "left0: 64 interfaces are watched already"
    assert [note for note in notes if note.startswith("left0")] == [full], notes[-3:]
    assert one.failures() == [full]
    one.free(7)
    assert [note for _ in range(10) for note in one.refresh()] == [
        "left0: watched, rx clsact, tx clsact"
    ]
    assert [item.slot for item in one.interfaces() if item.name == "left0"] == [7]


def test_one_that_is_renamed_is_watched_again_under_its_new_name(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace]
):
    left = here[1]
    one = watch(pinned, links, "left0", "new*")
    one.refresh()
    with left.netlink() as ip:
        index = left.index("left0")
        ip.link("set", index=index, state="down")
        ip.link("set", index=index, ifname="new0", state="up")
    assert one.refresh() == ["left0: gone; its last flows are being reported"]
    assert one.refresh() == []
    one.free(0)
    assert one.refresh() == ["new0: watched, rx clsact, tx clsact"]
    assert one.refresh() == []
    assert [item.name for item in one.interfaces()] == ["new0"]


@pytest.mark.parametrize(
    ("choices", "flags"),
    [
        ({}, 0),
        ({"filtered": True}, layout.INTERFACE_FILTER),
        ({"shaped": frozenset({"left0"})}, layout.INTERFACE_SHAPED),
        ({"shaped": frozenset({"other"})}, 0),
        ({"overrides": (Override("left*", ipv4=False),)}, layout.INTERFACE_NO_V4),
        ({"overrides": (Override("left0", ipv6=False, bidirectional=False),)},
         layout.INTERFACE_NO_V6 | layout.INTERFACE_UNIDIRECTIONAL),
        ({"overrides": (Override("eth*", ipv4=False),)}, 0),
    ],
)  # fmt: skip
def test_flags_of_an_interface(
    pinned: Pinned, links: Links, here: tuple[World, Namespace, Namespace],
    choices: dict[str, object], flags: int,
):  # fmt: skip
    watch(pinned, links, "left0", **choices).refresh()
    row = np.zeros(1, layout.INTERFACE)
    index = here[1].index("left0")
    bpf.map_lookup(pinned.maps["interfaces"], index % layout.INTERFACE_ENTRIES, row)
    assert (row["ifindex"][0], row["flags"][0]) == (index, flags)


def test_a_hook_that_sees_nothing_of_much_is_suspect(
    pinned: Pinned, links: Links, monkeypatch: pytest.MonkeyPatch
):
    one = watch(pinned, links, "left0")
    one.refresh()
    seen = np.zeros((layout.SLOTS, layout.HOOKS, 3), np.uint64)
    assert one.silent(seen) == []
    monkeypatch.setattr("agent.capture.watch.SILENT_FRAMES", -1)
    notes = one.silent(seen)
    assert [note.split(";")[0] for note in notes] == [
        "left0: the rx hook sees nothing of 0 frames",
        "left0: the tx hook sees nothing of 0 frames",
    ]
    seen[0, 0, 0] = 1
    assert len(one.silent(seen)) == 1
    assert set(one.statistics()) == {"left0"}
