from __future__ import annotations

import pytest
from hypothesis import given

from agent.qos.diff import diff, inverse
from agent.qos.model import applied, parent_key, state
from agent.qos.tree import ROOT, Change, Class, Link, Qdisc, Redirect
from tests.agent.qos.trees import pairs

WAN = Link("wan")
HTB = Qdisc("wan", ROOT, 0x57450000, "htb", (("default", 0x20),))


def cls(minor, parent=0, rate=8000, ceil=80000, priority=0):
    handle = 0x57450000 | minor
    return Class("wan", handle, 0x57450000 | parent, rate, ceil, 6400, 6400, 1514, priority)


def leaf(minor, limit=10, kind="pfifo", handle=0):
    handle = handle or (0x6000 | minor) << 16
    return Qdisc("wan", 0x57450000 | minor, handle, kind, (("limit", limit),))


def run(held, changes):
    for change in changes:
        held = applied(held, change)
    return held


@given(pairs())
def test_there_and_back(pair):
    a, b = pair
    changes = diff(a, b)
    assert run(a, changes) == b
    assert run(b, inverse(changes)) == a


@given(pairs())
def test_equal_states_have_no_steps_between_them(pair):
    a, _ = pair
    assert diff(a, dict(reversed(a.items()))) == []


@given(pairs())
def test_nothing_equal_is_touched_unless_what_carries_it_goes(pair):
    a, b = pair
    changes = diff(a, b)
    deleted = {change.item.key for change in changes if change.new is None}
    for change in changes:
        if change.old is not None and change.new is not None:
            assert change.old != change.new
        if change.new is None and a[change.item.key] == b.get(change.item.key):
            assert any(key in deleted or a[key] != b.get(key) for key in above(a, change))


def above(held, change):
    key = parent_key(held, change.item)
    while key is not None:
        yield key
        key = parent_key(held, held[key])


def test_a_tree_is_built_from_the_root_and_entered_last():
    ifb = Link("wi-wan", "ifb")
    root = Qdisc("wi-wan", ROOT, 0x57490000, "htb")
    wanted = state([WAN, Redirect("wan", "wi-wan"), root, ifb])
    assert diff(state([WAN]), wanted) == [
        Change(None, ifb),
        Change(None, root),
        Change(None, Redirect("wan", "wi-wan")),
    ]
    assert diff(wanted, state([WAN])) == [
        Change(Redirect("wan", "wi-wan"), None),
        Change(root, None),
        Change(ifb, None),
    ]


def test_rates_fall_before_they_rise():
    before = state([WAN, HTB, cls(1), cls(0x11, 1, 800), cls(0x12, 1, 1600)])
    after = state([WAN, HTB, cls(1), cls(0x11, 1, 1600), cls(0x12, 1, 800)])
    assert diff(before, after) == [
        Change(cls(0x12, 1, 1600), cls(0x12, 1, 800)),
        Change(cls(0x11, 1, 800), cls(0x11, 1, 1600)),
    ]


def test_a_slower_link_shrinks_the_children_first_and_grows_the_parent_first():
    slow = [cls(1, rate=800), cls(0x11, 1, 80)]
    fast = [cls(1, rate=8000), cls(0x11, 1, 800)]
    down = diff(state([WAN, HTB, *fast]), state([WAN, HTB, *slow]))
    up = diff(state([WAN, HTB, *slow]), state([WAN, HTB, *fast]))
    assert [change.item.handle & 0xFF for change in down] == [0x11, 1]
    assert [change.item.handle & 0xFF for change in up] == [1, 0x11]


def test_a_stranger_at_the_root_is_replaced_in_one_step():
    stranger = Qdisc("wan", ROOT, 0x80010000, "pfifo", raw="e8030000")
    assert diff(state([WAN, stranger]), state([WAN, HTB])) == [Change(stranger, HTB)]
    assert diff(state([WAN, HTB]), state([WAN, stranger])) == [Change(HTB, stranger)]


def test_the_classes_of_a_replaced_root_go_first():
    stranger = Qdisc("wan", ROOT, 0x80010000, "pfifo", raw="e8030000")
    changes = diff(
        state([WAN, HTB, cls(1), cls(0x11, 1), leaf(0x11)]), state([WAN, stranger])
    )
    assert [change.item for change in changes] == [
        leaf(0x11),
        cls(0x11, 1),
        cls(1),
        stranger,
    ]


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        # In place.
        (leaf(0x11, 10), leaf(0x11, 20), 1),
        (cls(0x11), cls(0x11, priority=3), 1),
        # Another qdisc in one step; the same handle for another kind needs two.
        (leaf(0x11), leaf(0x11, kind="bfifo", handle=0x60990000), 1),
        (leaf(0x11), leaf(0x11, kind="bfifo"), 2),
    ],
)
def test_steps(before, after, steps):
    base = [WAN, HTB] if isinstance(before, Class) else [WAN, HTB, cls(0x11)]
    assert len(diff(state([*base, before]), state([*base, after]))) == steps


def test_devices_of_others_are_neither_made_nor_deleted():
    with pytest.raises(ValueError, match="wan: there is no such device"):
        diff(state([]), state([WAN]))
    with pytest.raises(ValueError, match="wan: Weir did not make it"):
        diff(state([WAN]), state([]))


def test_a_thousand_classes_are_compared_quickly():
    many = [HTB, cls(1), *(cls(minor, 1) for minor in range(16, 1016))]
    wanted = state([WAN, *many])
    assert len(diff(state([WAN]), wanted)) == 1002
    assert diff(wanted, wanted) == []
