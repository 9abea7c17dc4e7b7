"""What ought to be on a device: rules, link and kernel in, a tree out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.qos import htb, queues
from agent.qos.htb import Direction, Layer, Moves
from agent.qos.policy import Policy
from agent.qos.tree import (
    EGRESS_MAJOR,
    HOOK,
    HOOK_HANDLE,
    IFB_PREFIX,
    INGRESS_MAJOR,
    ROOT,
    Item,
    Link,
    Qdisc,
    Redirect,
)

LINK_HEADER_BYTES: Final = 14
# Below this rate a 64 kB super-packet blocks the link for longer than 5 ms.
GSO_DELAY_S: Final = 0.005
SLOWEST_BPS: Final = 100_000
FASTEST_BPS: Final = 1_000_000_000_000
SHAPERS: Final = ("auto", "htb", "cake")


class Unplannable(ValueError):
    """A wish that cannot be: the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the operator wants on one device. Rates in bit/s; 0: leave that direction."""

    device: str
    egress_bps: int
    ingress_bps: int = 0
    shaper: str = "auto"
    strict: bool = True  # priorities decide who borrows first; else weights alone
    layer: Layer = Layer()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the kernel has, as the probe found it."""

    qdiscs: frozenset[str]
    has_ifb: bool = True
    redirects_by_filter: bool = True  # an IFB is entered from a clsact hook


@dataclass(frozen=True, slots=True)
class Found:
    """A device as it is without Weir."""

    link: Link
    mtu: int
    hook: Qdisc | None = None  # clsact or ingress of somebody


@dataclass(frozen=True, slots=True)
class Plan:
    """The items that ought to be, and what is less than it could be."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def plan(
    target: Target,
    egress: Sequence[Policy],
    ingress: Sequence[Policy],
    abilities: Abilities,
    found: Found,
    moves: tuple[Moves, Moves] = (Moves(), Moves()),
) -> Plan:
    """Return what ought to be on a device and its IFB.

    egress, ingress: what each class gets of either direction (agent/qos/policy.py).
    moves: of egress and ingress. Raises Unplannable.
    """
    shaper = _checked_shaper(target, abilities)
    link = found.link
    items: list[Item] = [_limited(target, link)]
    hook = found.hook
    if hook is None and target.ingress_bps and abilities.redirects_by_filter:
        hook = Qdisc(link.device, HOOK, HOOK_HANDLE, "clsact")
    items += [hook] if hook is not None else []
    if target.egress_bps:
        out = Direction(link.device, EGRESS_MAJOR, target.egress_bps, egress, moves[0])
        items += _tree(shaper, out, target, abilities, found)
    if target.ingress_bps:
        ifb = Link(ifb_name(link.device), "ifb")
        into = Direction(ifb.device, INGRESS_MAJOR, target.ingress_bps, ingress, moves[1])
        items += [ifb, *_tree(shaper, into, target, abilities, found)]
        items.append(Redirect(link.device, ifb.device))
    return Plan(tuple(items), _notes(shaper, abilities))


def ifb_name(device: str) -> str:
    """Return the name of a device's IFB; the kernel allows 15 characters."""
    name = IFB_PREFIX + device
    return (
        name
        if len(name) <= 15
        else f"{name[:9]}{zlib.crc32(device.encode()) & 0xFFFFFF:06x}"
    )


def _checked_shaper(target: Target, abilities: Abilities) -> str:
    for name, rate in (("egress", target.egress_bps), ("ingress", target.ingress_bps)):
        if rate and not SLOWEST_BPS <= rate <= FASTEST_BPS:
            raise Unplannable(
                f"{target.device}: {name} {rate / 1e6:g} Mbit/s is outside "
                f"{SLOWEST_BPS / 1e6:g}-{FASTEST_BPS / 1e6:g}: give the link's capacity"
            )
    if target.shaper not in SHAPERS:
        raise Unplannable(
            f"{target.device}: shaper {target.shaper!r} is unknown: "
            f"choose one of {', '.join(SHAPERS)}"
        )
    if target.ingress_bps and not abilities.has_ifb:
        raise Unplannable(
            f"{target.device}: the kernel has no ifb, so ingress cannot be shaped: "
            "load the module ifb or set ingress to 0"
        )
    wanted = ("htb", "cake") if target.shaper == "auto" else (target.shaper,)
    usable = [
        kind
        for kind in wanted
        if kind in abilities.qdiscs
        and (kind != "htb" or queues.leaf_kind(abilities.qdiscs) is not None)
    ]
    if not usable:
        raise Unplannable(
            f"{target.device}: the kernel has no {' or '.join(wanted)}: "
            f"load the module sch_{wanted[0]}, or choose another shaper"
        )
    return usable[0]


def _notes(shaper: str, abilities: Abilities) -> tuple[str, ...]:
    kind = queues.leaf_kind(abilities.qdiscs)
    if shaper == "cake":
        return ("cake: rules give marks only, guarantees and ceilings need htb",)
    if kind == "cake":
        return ()
    if kind == "fq_codel":
        return ("no cake in the kernel: fq_codel is fair among flows, not among hosts",)
    if kind == "sfq":
        return ("no fq_codel or cake in the kernel: sfq shares fairly but queues longer",)
    return (
        f"no fq_codel, cake or sfq in the kernel: {kind} bounds the delay of a class, "
        "its flows are not kept apart",
    )


def _limited(target: Target, link: Link) -> Link:
    """Keep a super-packet short on a slow link; a fast one is left as it was found."""
    return Link(
        link.device,
        link.kind,
        min(link.gso_max_bytes, _gso_bytes(target.egress_bps)),
        min(link.gro_max_bytes, _gso_bytes(target.ingress_bps)),
    )


def _gso_bytes(link_bps: int) -> int:
    if not link_bps or link_bps >= 100_000_000:
        return 1 << 32
    return max(int(link_bps * GSO_DELAY_S) // 8, 3_072)


def _tree(
    shaper: str, way: Direction, target: Target, abilities: Abilities, found: Found
) -> list[Item]:
    if shaper == "cake":
        return [_cake(way, target)]
    kind = queues.leaf_kind(abilities.qdiscs)
    assert kind is not None
    frame = found.mtu + LINK_HEADER_BYTES
    return htb.tree(way, target.layer, kind, frame, strict=target.strict)


def _cake(way: Direction, target: Target) -> Qdisc:
    is_ingress = way.major == INGRESS_MAJOR
    rate = htb.moved_link(way, way.moves)
    options = queues.cake_options(
        rate,
        queues.CAKE_DIFFSERV4,
        queues.flow_mode(is_ingress=is_ingress),
        is_ingress=is_ingress,
        is_ack_filtered=not is_ingress and target.ingress_bps >= 10 * way.link_bps,
        overhead_bytes=target.layer.overhead_bytes,
        mpu_bytes=target.layer.mpu_bytes,
        is_atm=target.layer.is_atm,
    )
    return Qdisc(way.device, ROOT, way.major << 16, "cake", options)
