from __future__ import annotations

import pytest

from agent.qos.model import Impossible, applied, state
from agent.qos.tree import HOOK, ROOT, Change, Class, Link, Qdisc, Redirect

WAN, IFB = Link("wan"), Link("wi-wan", "ifb")
HTB = Qdisc("wan", ROOT, 0x57450000, "htb")
PFIFO = Qdisc("wan", ROOT, 0x80010000, "pfifo")
HOOKED = Qdisc("wan", HOOK, 0xFFFF0000, "clsact")


def cls(minor, parent=0):
    return Class("wan", 0x57450000 | minor, 0x57450000 | parent, 8000, 8000, 64, 64)


ODD = Class("wan", 0x80010001, 0x80010000, 8000, 8000, 64, 64)
LEAF = Qdisc("wan", 0x57450001, 0x60010000, "pfifo")


@pytest.mark.parametrize(
    ("held", "old", "new", "reason"),
    [
        ([WAN], None, WAN, "there is"),
        ([WAN], HTB, None, "there is None"),
        ([], None, HTB, "hangs on nothing"),
        ([WAN], None, cls(1), "hangs on nothing"),
        ([WAN, HTB], None, cls(1, 1), "hangs on nothing"),
        ([WAN, PFIFO], None, ODD, "no classes"),
        ([WAN, HTB, cls(1)], HTB, None, "still carries"),
        ([WAN, HTB, cls(1), LEAF], cls(1), None, "still carries"),
        ([WAN, HTB, cls(1), LEAF], None, cls(2, 1), "holds a queue"),
        ([WAN, HTB, cls(1), cls(2, 1)], None, LEAF, "has classes below"),
        ([WAN, HTB, cls(1), cls(2)], cls(2), cls(2, 1), "cannot move"),
        ([WAN, HTB, cls(1)], HTB, PFIFO, "still carries classes"),
        ([WAN, HTB], HTB, Qdisc("wan", ROOT, 0x57450000, "pfifo"), "in place"),
        ([WAN, HTB, cls(1)], None, Qdisc("wan", 0x57450001, 0x57450000, "pfifo"), "taken"),
        ([WAN], WAN, None, "not Weir's"),
        ([WAN, IFB, Redirect("wan", "wi-wan")], IFB, None, "still carries"),
        ([WAN], None, Redirect("wan", "wi-wan"), "there is no wi-wan"),
        ([WAN, IFB, HOOKED, Redirect("wan", "wi-wan")], HOOKED, None, "still carries"),
        ([WAN, IFB], IFB, Link("wi-wan", "veth"), "cannot become"),
    ],
)  # fmt: skip
def test_what_the_kernel_refuses(held, old, new, reason):
    with pytest.raises(Impossible, match=reason):
        applied(state(held), Change(old, new))


def test_two_things_in_one_place():
    with pytest.raises(Impossible, match="in one place"):
        state([HTB, PFIFO])


def test_a_step_and_its_inverse():
    held = state([WAN, HTB, cls(1)])
    change = Change(None, LEAF)
    after = applied(held, change)
    assert LEAF in after.values()
    assert applied(after, change.inverse) == held
