"""What this kernel can do, found by doing it on a device made for the purpose.

The scratch device is an IFB (else one end of a veth) that is never up: no packet ever meets
it. It lives for some milliseconds in the namespace of the socket, because the agent's unit
may not make namespaces; a caller who may, opens the socket in a namespace of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_DELQDISC,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_GETTFILTER,
    RTM_NEWLINK,
    RTM_NEWQDISC,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from agent.qos import queues
from agent.qos.apply.netlink import Netlink, Refused, tc_message
from agent.qos.apply.options import encode_qdisc
from agent.qos.plan import Abilities
from agent.qos.tree import ROOT, Options, Qdisc

_HANDLE: Final = 0x77000000
_RATE_BPS: Final = 1_000_000
_FRAME: Final = 1514
_KINDS: Final[dict[str, Options]] = {
    "htb": (("default", 1), ("direct_packets", 10), ("r2q", 10)),
    **{
        kind: leaf
        for kind in queues.LEAF_KINDS
        for leaf in [queues.leaf_options(kind, _RATE_BPS, _RATE_BPS, _FRAME)]
    },
}
# Qdiscs of others that hold nothing but themselves: what was dumped can be made again.
_SIMPLE_KINDS: Final = frozenset(
    {
        "pfifo", "bfifo", "pfifo_fast", "fq_codel", "codel", "cake", "sfq", "fq", "fq_pie",
        "pie", "tbf", "red", "choke", "hhf",
    }
)  # fmt: skip


def abilities(netlink: Netlink) -> Abilities:
    """Return which qdiscs the kernel has, with Weir's options. Raises Refused."""
    with _scratch(netlink) as (index, kind):
        found = {
            name
            for name, options in _KINDS.items()
            if _takes(netlink, index, Qdisc("", ROOT, _HANDLE, name, options))
        }
    return Abilities(frozenset(found), kind == "ifb")


def why_not_restorable(netlink: Netlink, index: int, stranger: Qdisc) -> str:
    """Return why a foreign root cannot be put back later; empty: it can. Raises Refused.

    It is made again on the scratch device from what the kernel said of it, and must then
    look the same.
    """
    if stranger.kind not in _SIMPLE_KINDS:
        return f"{stranger.kind} holds classes or queues of its own"
    parts = [
        one
        for one in netlink.tc(RTM_GETQDISC, index)
        if one["handle"] and one["parent"] >> 16 == stranger.handle >> 16
    ]
    classes = [
        one
        for one in netlink.tc(RTM_GETTCLASS, index)
        if one["handle"] >> 16 == stranger.handle >> 16 and stranger.kind != "tbf"
    ]
    # Fair queues present their flows as classes; those are not made by anybody.
    classes = [one for one in classes if one.get_attr("TCA_OPTIONS")]
    filters = netlink.tc(RTM_GETTFILTER, index, parent=stranger.handle)
    if parts or classes or filters:
        return "somebody has put queues, classes or filters below it"
    with _scratch(netlink) as (scratch, _):
        if not _takes(netlink, scratch, stranger, compare=True):
            return "this kernel would not give back the same"
    return ""


def _takes(netlink: Netlink, index: int, qdisc: Qdisc, *, compare: bool = False) -> bool:
    message = tc_message(index, handle=_HANDLE, parent=ROOT)
    options = encode_qdisc(qdisc, is_change=False)
    message["attrs"] = [["TCA_KIND", qdisc.kind]]
    if options:
        message["attrs"].append(["TCA_OPTIONS", options])
    try:
        netlink.write(message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)
    except Refused:
        return False
    made = [one for one in netlink.tc(RTM_GETQDISC, index) if one["handle"] == _HANDLE]
    netlink.write(tc_message(index, handle=_HANDLE, parent=ROOT), RTM_DELQDISC)
    if not compare:
        return True
    return [(bytes(one.get_attr("TCA_OPTIONS") or b"")).hex() for one in made] == [
        qdisc.raw
    ]


@contextmanager
def _scratch(netlink: Netlink) -> Iterator[tuple[int, str]]:
    """Make a device that is never up; yield its index and kind, and remove it."""
    name = f"wi{os.getpid() % 10**8:08d}p"
    kind = _make(netlink, name)
    index = next(
        link["index"] for link in netlink.devices() if link.get_attr("IFLA_IFNAME") == name
    )
    try:
        yield index, kind
    finally:
        message = ifinfmsg()
        message["index"] = index
        netlink.write(message, RTM_DELLINK)


def _make(netlink: Netlink, name: str) -> str:
    for kind in ("ifb", "veth"):
        message = ifinfmsg()
        message["attrs"] = [
            ["IFLA_IFNAME", name],
            ["IFLA_LINKINFO", {"attrs": [["IFLA_INFO_KIND", kind]]}],
        ]
        try:
            netlink.write(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL)
        except Refused:
            if kind == "veth":
                raise
        else:
            return kind
    raise AssertionError("unreachable")
