from __future__ import annotations

from dataclasses import replace

import pytest

from agent.qos.diff import diff
from agent.qos.htb import Layer, Moves
from agent.qos.model import applied, state
from agent.qos.plan import Abilities, Found, Target, Unplannable, ifb_name, plan
from agent.qos.policy import policies
from agent.qos.tree import HOOK, ROOT, Class, Link, Qdisc, Redirect

FULL = Abilities(frozenset({"htb", "fq_codel", "cake", "sfq", "bfifo", "pfifo"}))
POOR = Abilities(frozenset({"htb", "bfifo", "pfifo", "tbf"}))
WAN = Found(Link("wan", "", 65536, 65536), 1500)
STILL = (Moves(), Moves())
BOTH = Target("wan", 20_000_000, 50_000_000)


def made(target=BOTH, abilities=POOR, moves=STILL, found=WAN):
    return plan(
        target,
        policies([], target.egress_bps or 1),
        policies([], target.ingress_bps or 1),
        abilities,
        found,
        moves,
    )


def of_device(found, device, kind):
    return [
        item for item in found.items if item.device == device and isinstance(item, kind)
    ]


def test_both_directions():
    found = made()
    roots = [
        (item.device, item.handle >> 16)
        for item in found.items
        if isinstance(item, Qdisc) and item.parent == ROOT
    ]
    assert roots == [("wan", 0x5745), ("wi-wan", 0x5749)]
    assert found.items[-1] == Redirect("wan", "wi-wan")
    assert (
        len(of_device(found, "wan", Class)) == len(of_device(found, "wi-wan", Class)) == 16
    )


def test_it_can_be_built_and_taken_away():
    bare = state([WAN.link])
    held = bare
    wanted = state(made().items)
    for change in diff(bare, wanted):
        held = applied(held, change)
    assert held == wanted
    assert diff(wanted, state(made().items)) == []


@pytest.mark.parametrize(
    ("egress", "ingress", "gso", "gro"),
    [
        (20_000_000, 0, 12_500, 65536),  # 5 ms at 20 Mbit/s
        (1_000_000, 2_000_000, 3_072, 3_072),
        (0, 50_000_000, 65536, 31_250),
        (100_000_000, 10**9, 65536, 65536),
    ],
)
def test_super_packets_are_kept_short_on_slow_links(egress, ingress, gso, gro):
    link = made(Target("wan", egress, ingress)).items[0]
    assert link == Link("wan", "", gso, gro)


def test_a_hook_is_made_only_where_it_is_needed():
    made_hook = Qdisc("wan", HOOK, 0xFFFF0000, "clsact")
    somebodys = Qdisc("wan", HOOK, 0xFFFF0000, "ingress")
    assert made_hook in made().items
    assert made_hook not in made(Target("wan", 20_000_000)).items
    assert made_hook not in made(abilities=replace(POOR, redirects_by_filter=False)).items
    for target in (BOTH, Target("wan", 20_000_000)):
        items = made(target, found=replace(WAN, hook=somebodys)).items
        assert somebodys in items
        assert made_hook not in items


def test_nothing_wanted_leaves_the_device_as_found():
    assert made(Target("wan", 0, 0)).items == (WAN.link,)


@pytest.mark.parametrize(
    ("shaper", "abilities", "kinds"),
    [
        ("auto", FULL, {"htb", "cake"}),
        ("auto", Abilities(FULL.qdiscs - {"cake"}), {"htb", "fq_codel"}),
        ("auto", POOR, {"htb", "bfifo"}),
        ("auto", Abilities(frozenset({"cake"})), {"cake"}),
        ("cake", FULL, {"cake"}),
        ("htb", Abilities(frozenset({"htb", "pfifo"})), {"htb", "pfifo"}),
    ],
)
def test_the_shaper_follows_the_kernel(shaper, abilities, kinds):
    found = made(replace(BOTH, shaper=shaper), abilities)
    queues = [item for item in found.items if isinstance(item, Qdisc)]
    assert {item.kind for item in queues if item.parent != HOOK} == kinds


@pytest.mark.parametrize(
    ("shaper", "abilities", "note"),
    [
        ("auto", FULL, ""),
        ("auto", Abilities(FULL.qdiscs - {"cake"}), "fair among flows, not among hosts"),
        ("auto", POOR, "no fq_codel, cake or sfq in the kernel: bfifo bounds the delay"),
        (
            "auto",
            Abilities(frozenset({"htb", "sfq"})),
            "sfq shares fairly but queues longer",
        ),
        ("cake", FULL, "guarantees and ceilings need htb"),
    ],
)
def test_what_is_less_than_it_could_be_is_said(shaper, abilities, note):
    notes = made(replace(BOTH, shaper=shaper), abilities).notes
    assert note in "".join(notes)
    assert bool(note) == bool(notes)


def test_cake_in_both_directions():
    target = Target("wan", 2_000_000, 50_000_000, "cake", layer=Layer(18, 64))
    found = made(target, FULL)
    out, into = (
        dict(item.options)
        for item in found.items
        if isinstance(item, Qdisc) and item.parent == ROOT
    )
    assert (out["bandwidth_bps"], into["bandwidth_bps"]) == (2_000_000, 50_000_000)
    # 25 times as much comes in as goes out: acknowledgements would fill the way out.
    assert (out["ack_filter"], into["ack_filter"]) == (1, 0)
    assert (out["ingress"], into["ingress"]) == (0, 1)
    assert (out["flow_mode"], into["flow_mode"]) == (5, 6)
    assert (out["overhead_bytes"], out["mpu_bytes"]) == (18, 64)


def test_cake_moves_in_place():
    target = replace(BOTH, shaper="cake")
    before = state(made(target, FULL).items)
    after = state(made(target, FULL, (Moves(5_000_000), Moves())).items)
    (change,) = diff(before, after)
    assert dict(change.new.options)["bandwidth_bps"] == 5_000_000


@pytest.mark.parametrize(
    ("target", "abilities", "message"),
    [
        (Target("wan", 50_000), POOR, "egress 0.05 Mbit/s is outside 0.1-1e"),
        (Target("wan", 0, 10**13), POOR, "ingress 1e[+]07 Mbit/s is outside"),
        (Target("wan", -1), POOR, "egress -1e-06 Mbit/s is outside"),
        (replace(BOTH, shaper="hfsc"), POOR, "shaper 'hfsc' is unknown"),
        (BOTH, Abilities(POOR.qdiscs, False), "no ifb, so ingress cannot be shaped"),
        (BOTH, Abilities(frozenset({"tbf", "pfifo"})), "kernel has no htb or cake: load"),
        (replace(BOTH, shaper="cake"), POOR, "has no cake: load the module sch_cake"),
        (BOTH, Abilities(frozenset({"htb"})), "kernel has no htb or cake"),
    ],
)
def test_refusals_are_one_line(target, abilities, message):
    with pytest.raises(Unplannable, match=message) as refused:
        plan(target, policies([], 10**7), policies([], 10**7), abilities, WAN)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("eth0", "wi-eth0"),
        ("enp0s31f6", "wi-enp0s31f6"),
        ("ens1f0np0.1234", "wi-ens1f00e02b8"),
    ],
)
def test_names_of_ifbs_fit(device, name):
    assert len(ifb_name(device)) <= 15
    if len(device) <= 12:
        assert ifb_name(device) == name


def test_long_names_stay_apart():
    assert ifb_name("ens1f0np0.1234") != ifb_name("ens1f0np0.1235")
