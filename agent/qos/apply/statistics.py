"""What the trees did: counters of classes as the kernel keeps them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pyroute2.netlink.rtnl import RTM_GETQDISC, RTM_GETTCLASS

from agent.qos.apply.netlink import Netlink, TcAnswer
from agent.qos.apply.options import attributes
from agent.qos.htb import ACTIVE_LEAVES, BASELINE_LEAVES
from agent.qos.tree import EGRESS_MAJOR, INGRESS_MAJOR, ROOT, is_our_handle
from agent.records import CLASS_NAMES

_BASIC, _QUEUE, _PACKETS64 = 1, 3, 8
_MAJORS: Final = (EGRESS_MAJOR, INGRESS_MAJOR)


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the class was made; backlog: what it holds now."""

    sent_bytes: int = 0
    sent_packets: int = 0
    drops: int = 0
    overlimits: int = 0
    backlog_bytes: int = 0
    backlog_packets: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.sent_bytes + other.sent_bytes,
            self.sent_packets + other.sent_packets,
            self.drops + other.drops,
            self.overlimits + other.overlimits,
            self.backlog_bytes + other.backlog_bytes,
            self.backlog_packets + other.backlog_packets,
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """What one tree did, class by class, and which numbers it has."""

    counts: Mapping[str, Counts]
    numbers: int  # a hash: another one means that somebody changed it


def of_tree(netlink: Netlink, index: int, major: int) -> Tree | None:
    """Return one tree; None: none stands there. index 0: no device. Raises Refused."""
    if not index:
        return None
    told = _classes_of(netlink, index, (major,))
    # The kernel tells every qdisc that it has: only asked where there is no class.
    shown = told or _roots(netlink, index)
    if not shown:
        return None
    numbers = hash(tuple((one["handle"], one.get_attr("TCA_OPTIONS")) for one in shown))
    return Tree(_by_class(_by_handle(told)), numbers)


def by_class(netlink: Netlink, index: int) -> Mapping[str, Counts]:
    """Return class -> counts of a device's tree, both branches together. Raises Refused."""
    return _by_class(by_handle(netlink, index))


def _by_class(handles: Mapping[int, Counts]) -> Mapping[str, Counts]:
    found = dict.fromkeys(CLASS_NAMES, Counts())
    for handle, counts in handles.items():
        number = handle & 0xF
        is_leaf = handle & 0xFFF0 in (ACTIVE_LEAVES, BASELINE_LEAVES)
        if is_leaf and number < len(CLASS_NAMES):
            found[CLASS_NAMES[number]] += counts
    return found


def by_handle(netlink: Netlink, index: int) -> Mapping[int, Counts]:
    """Return handle -> counts of Weir's classes on a device. Raises Refused."""
    return _by_handle(_classes_of(netlink, index, _MAJORS))


def _by_handle(told: Iterable[TcAnswer]) -> Mapping[int, Counts]:
    return {one["handle"]: _counts(one) for one in told}


def _classes_of(netlink: Netlink, index: int, majors: Iterable[int]) -> list[TcAnswer]:
    """Fair queues show every flow that waits as a class: those are not taken."""
    return [
        one
        for major in majors
        for one in netlink.tc(RTM_GETTCLASS, index, parent=major << 16)
        if one.get_attr("TCA_KIND") == "htb"
    ]


def of_root(netlink: Netlink, index: int) -> Counts | None:
    """Return the counts of Weir's root qdisc on a device; None: there is none."""
    roots = _roots(netlink, index)
    return _counts(roots[0]) if roots else None


def _roots(netlink: Netlink, index: int) -> list[TcAnswer]:
    return [
        one
        for one in netlink.tc(RTM_GETQDISC, index)
        if one["parent"] == ROOT and is_our_handle(one["handle"])
    ]


def _counts(one: TcAnswer) -> Counts:
    found = attributes(bytes(one.get_attr("TCA_STATS2") or b""))
    sent_bytes, sent_packets = struct.unpack_from("=QI", found.get(_BASIC, bytes(12)))
    if _PACKETS64 in found:
        (sent_packets,) = struct.unpack_from("=Q", found[_PACKETS64])
    length, backlog, drops, _, overlimits = struct.unpack_from(
        "=5I", found.get(_QUEUE, bytes(20))
    )
    return Counts(sent_bytes, sent_packets, drops, overlimits, backlog, length)
