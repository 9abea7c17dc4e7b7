"""Interfaces as the kernel lists them now: look-ups by netlink, nothing is changed but a
clsact qdisc that the agent itself added."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import select
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from agent.capture.speed import speed_bps
from agent.records import HOOKS

RTMGRP_LINK: Final = 1
PROMISCUOUS: Final = 0x100
CLSACT_PARENTS: Final = (0xFFFFFFF2, 0xFFFFFFF3)
ARPHRD_ETHER: Final = 1
LAYER3_TYPES: Final = (512, 519, 65534, 768, 776, 769)
"""ARPHRD_PPP, RAWIP, NONE (tun, WireGuard), TUNNEL, SIT, TUNNEL6: frames start at IP."""


@dataclass(frozen=True, slots=True)
class Link:
    """One interface of this network namespace."""

    name: str
    ifindex: int
    mac: str
    mtu: int
    is_up: bool
    is_loopback: bool
    is_promiscuous: bool  # by somebody's word; a capture that runs is not told
    layer3: bool
    speed_bps: int  # 0: unknown
    addresses: tuple[str, ...]
    statistics: npt.NDArray[np.uint64]  # the kernel's own: (rx, tx) x records.UNITS


def gone(name: str, ifindex: int) -> Link:
    """Return what is known of an interface that is not there any more."""
    nothing = np.zeros((len(HOOKS), 3), np.uint64)
    return Link(name, ifindex, "", 0, False, False, False, False, 0, (), nothing)


def _attribute(message: Any, name: str, default: Any) -> Any:
    value = message.get_attr(name)
    return default if value is None else value


def _link(message: Any, addresses: dict[int, list[str]]) -> Link:
    name = _attribute(message, "IFLA_IFNAME", "")
    counts = _attribute(message, "IFLA_STATS64", {})
    statistics = np.array(
        [
            # A driver counts what it is handed: frames and packets are one to it.
            [counts.get(f"{hook}_{unit}", 0) for unit in ("packets", "packets", "bytes")]
            for hook in HOOKS
        ],
        np.uint64,
    )
    return Link(
        name=name,
        ifindex=message["index"],
        mac=_attribute(message, "IFLA_ADDRESS", ""),
        mtu=_attribute(message, "IFLA_MTU", 0),
        is_up=bool(message["flags"] & 0x1),
        is_loopback=bool(message["flags"] & 0x8),
        is_promiscuous=bool(message["flags"] & PROMISCUOUS),
        layer3=message["ifi_type"] in LAYER3_TYPES,
        speed_bps=speed_bps(name),
        addresses=tuple(addresses.get(message["index"], ())),
        statistics=statistics,
    )


class Links:
    """A netlink connection; `changed` tells whether a new listing is worth its cost."""

    def __init__(self) -> None:
        self._route = IPRoute()
        self._events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._events.bind((0, RTMGRP_LINK))

    def close(self) -> None:
        """Close both sockets."""
        self._route.close()
        self._events.close()

    def changed(self) -> bool:
        """Whether any link has come, gone or changed since the last call."""
        seen = False
        while select.select([self._events], [], [], 0)[0]:
            seen = True
            try:
                self._events.recv(65536)
            except OSError:
                # Overrun: events were lost, which is itself a change.
                break
        return seen

    def list(self) -> list[Link]:
        """Every interface of the namespace."""
        addresses: dict[int, list[str]] = {}
        for message in self._route.get_addr():
            text = f"{message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}"
            addresses.setdefault(message["index"], []).append(text)
        return [_link(message, addresses) for message in self._route.get_links()]

    def statistics(self, indexes: Sequence[int]) -> dict[int, npt.NDArray[np.uint64]]:
        """The kernel's own counts by interface index; those gone are left out."""
        found = {}
        for ifindex in indexes:
            with contextlib.suppress(NetlinkError):
                for message in self._route.get_links(ifindex):
                    found[ifindex] = _link(message, {}).statistics
        return found

    def set_promiscuous(self, ifindex: int, on: bool) -> None:
        """Set or clear the promiscuous flag of an interface, if it is there."""
        flags = PROMISCUOUS if on else 0
        try:
            self._route.link("set", index=ifindex, flags=flags, change=PROMISCUOUS)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise

    def remove_empty_clsact(self, ifindex: int) -> bool:
        """Remove the clsact qdisc unless somebody's filter hangs on it."""
        try:
            for parent in CLSACT_PARENTS:
                if list(self._route.get_filters(index=ifindex, parent=parent)):
                    return False
            self._route.tc("del", "clsact", ifindex)
        except NetlinkError:
            return False
        return True


def matching(links: Iterable[Link], patterns: Sequence[str]) -> list[Link]:
    """Links whose name one of the names or globs matches; loopback only by its own name."""
    return [
        link
        for link in links
        if any(
            fnmatch.fnmatchcase(link.name, pattern)
            and (not link.is_loopback or pattern == link.name)
            for pattern in patterns
        )
    ]
