"""Any state of a machine that the kernel could hold, for properties."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from agent.qos.model import Impossible, applied, state
from agent.qos.tree import ROOT, Change, Class, Item, Link, Qdisc, Redirect, State

WAN = "wan"
IFBS = ("wi-a", "wi-b")
HANDLES = [major << 16 for major in (0x5745, 0x5749, 0x6011, 0x8001)]
SIZES = (1514, 65536)
LEAVES = (
    ("pfifo", (("limit", 10),)),
    ("pfifo", (("limit", 20),)),
    ("fq_codel", (("flows", 64), ("limit", 10))),
    ("fq_codel", (("flows", 128), ("limit", 10))),
    ("cake", (("bandwidth_bps", 8000),)),
    ("htb", (("default", 1), ("r2q", 10))),
    ("htb", (("default", 1), ("r2q", 10))),
    ("htb", (("default", 2), ("r2q", 10))),
)


def a_class(dice: random.Random, device: str) -> Class:
    major = dice.choice(HANDLES[:3])
    parent = dice.choice((0, 0, 1, 2, 3))
    return Class(
        device,
        major | dice.randint(1, 5),
        major | parent,
        8000 * dice.randint(1, 4),
        8000 * dice.randint(1, 4),
        6400,
        dice.choice((64, 128)),
    )


def a_qdisc(dice: random.Random, device: str, parent: int) -> Qdisc:
    kind, options = dice.choice(LEAVES)
    return Qdisc(
        device, parent, dice.choice(HANDLES), kind, options, dice.choice(("", "", "00ff"))
    )


def an_item(dice: random.Random) -> Item:
    device = dice.choice((WAN, *IFBS))
    pick = dice.random()
    if pick < 0.15:
        return a_qdisc(dice, device, ROOT)
    if pick < 0.5:
        return a_class(dice, device)
    if pick < 0.85:
        return a_qdisc(dice, device, dice.choice(HANDLES[:3]) | dice.randint(1, 5))
    if pick < 0.95:
        return Link(dice.choice(IFBS), "ifb", dice.choice(SIZES), dice.choice(SIZES))
    return Redirect(WAN, dice.choice(IFBS))


def grown(dice: random.Random, held: State, tries: int) -> State:
    """Put things in and take things out while the model takes it."""
    for _ in range(tries):
        item = an_item(dice)
        old = held.get(item.key)
        new = None if old is not None and dice.random() < 0.3 else item
        try:
            held = applied(held, Change(old, new))
        except Impossible:
            continue
    return held


@st.composite
def pairs(draw) -> tuple[State, State]:
    """Two states of one machine, from alike to unrelated."""
    dice = random.Random(draw(st.integers(0, 2**48)))
    empty = state([Link(WAN, "", dice.choice(SIZES), dice.choice(SIZES))])
    first = grown(dice, empty, dice.randint(0, 150))
    start = first if dice.random() < 0.6 else empty
    return first, grown(dice, start, dice.randint(0, 100))
