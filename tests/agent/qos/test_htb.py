from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.qos import htb
from agent.qos.diff import diff
from agent.qos.htb import Direction, Layer, Moves
from agent.qos.model import applied, state
from agent.qos.policy import policies
from agent.qos.rules import Rule
from agent.qos.tree import Class, Link, Qdisc
from agent.records import CLASS_NAMES

LINK = 20_000_000
WAN = Link("wan")


def tree(moves=None, *, rules=(), link=LINK, strict=True, layer=None):
    way = Direction("wan", 0x5745, link, policies(rules, link), moves or Moves())
    return state([WAN, *htb.tree(way, layer or Layer(), "bfifo", 1514, strict=strict)])


def classes(held, base):
    return [
        item
        for item in held.values()
        if isinstance(item, Class) and item.handle & 0xF0 == base
    ]


def test_the_shape():
    held = tree()
    inner = classes(held, 0)
    assert [(one.handle & 0xFF, one.rate_bps, one.ceil_bps) for one in inner] == [
        (1, LINK, LINK),
        (2, LINK, LINK),
    ]
    active = classes(held, 0x10)
    assert [one.priority for one in active] == [2, 0, 1, 1, 2, 3, 3]
    assert [one.quantum_bytes // 1514 for one in active] == [1, 1, 2, 1, 5, 4, 1]
    assert [one.rate_bps for one in active] == [
        1_000_000, 2_000_000, 6_000_000, 3_000_000, 5_000_000, 2_400_000, 600_000,
    ]  # fmt: skip
    leaves = [
        item for item in held.values() if isinstance(item, Qdisc) and item.kind != "htb"
    ]
    assert len(leaves) == 2 * len(CLASS_NAMES)
    assert all(leaf.handle >> 16 == 0x6000 | leaf.parent & 0xFF for leaf in leaves)


moves = st.builds(
    Moves,
    st.none() | st.integers(1, 2 * LINK),
    st.dictionaries(st.sampled_from(CLASS_NAMES), st.integers(-(10**12), 10**12)),
)
rule_sets = st.lists(
    st.builds(
        lambda name, low, more, priority: Rule(name, low, low + more, priority),
        st.sampled_from(CLASS_NAMES),
        st.floats(0, 20 / 7),
        st.floats(0.001, 30),
        st.integers(0, 3),
    ),
    unique_by=lambda rule: rule.traffic_type,
)


@given(rule_sets, moves, st.booleans())
def test_whatever_is_asked_fits_the_link_and_the_kernel(rules, asked, strict):
    held = state([WAN])
    wanted = tree(asked, rules=rules, strict=strict)
    for change in diff(held, wanted):
        held = applied(held, change)
    assert held == wanted
    limits = {policy.name: policy for policy in policies(rules, LINK)}
    for base, inner in ((0x10, 1), (0x20, 2)):
        top = classes(wanted, 0)[inner - 1]
        leaves = classes(wanted, base)
        assert sum(one.rate_bps for one in leaves) <= top.rate_bps + 8 * len(leaves)
        for one, name in zip(leaves, CLASS_NAMES, strict=True):
            assert 8 <= one.rate_bps <= one.ceil_bps <= max(top.rate_bps, 8)
            assert one.ceil_bps <= limits[name].max_bps
            if one.ceil_bps < min(limits[name].floor_bps, top.rate_bps) - 8:
                pytest.fail(f"{name} is held below its floor")
            for number, step in (
                (one.rate_bps, 8),
                (one.ceil_bps, 8),
                (one.burst_ns, 64),
                (one.ceil_burst_ns, 64),
            ):
                assert number % step == 0
            assert max(one.burst_ns, one.ceil_burst_ns) // 64 < 1 << 32


@given(moves)
def test_moving_rates_rebuilds_nothing_and_leaves_the_baseline(asked):
    changes = diff(tree(), tree(asked))
    for change in changes:
        assert isinstance(change.old, Class)
        assert isinstance(change.new, Class)
        assert change.new.handle & 0xFF not in (2, *range(0x20, 0x30))


def test_a_reload_of_the_rules_rebuilds_nothing():
    before = tree(rules=[Rule("video", 5, 10, 3)])
    after = tree(rules=[Rule("file", 1, 5, 0), Rule("voice", 1, 2, 2)], strict=False)
    assert all(change.old and change.new for change in diff(before, after))


@pytest.mark.parametrize("link", [10_000_000, 5_000_000, 1_000_000])
def test_guarantees_shrink_with_the_link(link):
    active = classes(tree(Moves(link)), 0x10)
    assert sum(one.rate_bps for one in active) == pytest.approx(link, abs=100)
    assert active[2].rate_bps == pytest.approx(link * 0.3, abs=100)
    assert active[2].ceil_bps == link


def test_by_weight_the_whole_link_is_given_out():
    active = classes(tree(strict=False, rules=[Rule("video", 1, 2, 3)]), 0x10)
    assert {one.priority for one in active} == {0}
    assert sum(one.rate_bps for one in active) == pytest.approx(LINK, abs=100)
    assert active[2].rate_bps == 2_000_000


def test_link_layer():
    one = classes(tree(layer=Layer(44, 64, True)), 0x10)[0]
    assert (one.overhead_bytes, one.mpu_bytes, one.is_atm) == (44, 64, True)
