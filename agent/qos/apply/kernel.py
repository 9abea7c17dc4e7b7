"""The machine's tree: read whole, changed one step at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any, Final, Protocol

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_DELQDISC,
    RTM_DELTCLASS,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_NEWLINK,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from agent.qos.apply.netlink import Netlink, Refused, TcMessage, tc_message
from agent.qos.apply.options import decode_class, decode_qdisc, encode_class, encode_qdisc
from agent.qos.apply.probe import why_not_restorable
from agent.qos.model import state
from agent.qos.plan import Found, ifb_name
from agent.qos.tree import HOOK, ROOT, Change, Class, Item, Link, Qdisc, Redirect, State

# Marks the devices that Weir made: "Weir" as a device group, set in the very request that
# makes the device.
DEVICE_GROUP: Final = 0x57656972
_IFF_UP: Final = 1
_DEFAULT_SIZE: Final = 65536


class Redirects(Protocol):
    """Where the pointers from a device to its IFB are kept."""

    def read(self, index: int) -> int:
        """Return the ifindex that a device is redirected to; 0: none."""

    def write(self, index: int, target: int) -> None:
        """Redirect a device; 0: no longer. Raises Refused."""

    def is_hook_shared(self, index: int) -> bool:
        """True when somebody else uses the hook that the pointer hangs on."""


class Kernel:
    """The trees of some devices and of the IFBs that Weir made for them."""

    def __init__(
        self, netlink: Netlink, redirects: Redirects, devices: Iterable[str]
    ) -> None:
        self.netlink = netlink
        self.devices = tuple(devices)
        self.redirects = redirects
        self._indices: dict[str, int] = {}

    def found(self, device: str) -> Found:
        """Return a device as it is. Raises Refused when there is none."""
        for link in self.netlink.devices():
            if link.get_attr("IFLA_IFNAME") == device:
                hooks = [
                    _qdisc(device, one)
                    for one in self.netlink.tc(RTM_GETQDISC, link["index"])
                    if one["parent"] == HOOK
                ]
                hook = hooks[0] if hooks else None
                return Found(_link(device, link), link.get_attr("IFLA_MTU"), hook)
        raise Refused(errno.ENODEV, f"{device}: there is no such device: check the name")

    def read(self) -> State:
        """Return what is there now; a device that is gone is left out. Raises Refused."""
        links = {link.get_attr("IFLA_IFNAME"): link for link in self.netlink.devices()}
        self._indices = {name: link["index"] for name, link in links.items()}
        names = {index: name for name, index in self._indices.items()}
        items: list[Item] = []
        for device in self.devices:
            if device in links:
                items.append(_link(device, links[device]))
                items += self._tree(device)
                target = names.get(self.redirects.read(self._indices[device]))
                items += [Redirect(device, target)] if target else []
            ifb = ifb_name(device)
            if ifb in links and links[ifb].get_attr("IFLA_GROUP") == DEVICE_GROUP:
                items += [Link(ifb, "ifb"), *self._tree(ifb)]
        return state(items)

    def _tree(self, device: str) -> list[Item]:
        index = self._indices[device]
        qdiscs = [one for one in self.netlink.tc(RTM_GETQDISC, index) if one["handle"]]
        found = [_qdisc(device, one) for one in qdiscs]
        root = next((one for one in found if one.parent == ROOT), None)
        items: list[Item] = [one for one in found if one.parent in (ROOT, HOOK)]
        if root is None or not root.is_ours:
            return items
        items += [one for one in found if one.is_ours and one.parent != ROOT]
        if root.kind == "htb":
            # Only HTB's own: fair queues below the leaves show their flows as classes too.
            classes = self.netlink.tc(RTM_GETTCLASS, index, parent=root.handle)
            items += [_class(device, root, one) for one in classes]
        return items

    def write(self, change: Change) -> None:
        """Carry out one step. Raises Refused; the step has then been taken or not."""
        item = change.item
        if isinstance(item, Link):
            self._write_link(change, item)
        elif isinstance(item, Redirect):
            target = self._index(item.target) if change.new else 0
            self.redirects.write(self._index(item.device), target)
        elif isinstance(item, Qdisc):
            self._write_qdisc(change, item)
        else:
            self._write_class(change, item)

    def is_hook_shared(self, device: str) -> bool:
        """True when somebody else uses a device's clsact hook. Raises Refused."""
        return self.redirects.is_hook_shared(self._index(device))

    def why_not_restorable(self, stranger: Qdisc) -> str:
        """Return why a foreign root cannot be put back; empty: it can. Raises Refused."""
        return why_not_restorable(self.netlink, self._index(stranger.device), stranger)

    def _index(self, device: str) -> int:
        if device not in self._indices:
            raise Refused(errno.ENODEV, f"{device}: there is no such device")
        return self._indices[device]

    def _write_link(self, change: Change, link: Link) -> None:
        message = ifinfmsg()
        if change.old is None:
            message["flags"] = message["change"] = _IFF_UP
            message["attrs"] = [
                ["IFLA_IFNAME", link.device],
                ["IFLA_GROUP", DEVICE_GROUP],
                ["IFLA_LINKINFO", {"attrs": [["IFLA_INFO_KIND", link.kind]]}],
            ]
            self.netlink.write(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL)
            self._indices |= {
                one.get_attr("IFLA_IFNAME"): one["index"] for one in self.netlink.devices()
            }
            return
        message["index"] = self._index(link.device)
        if change.new is None:
            self.netlink.write(message, RTM_DELLINK)
            return
        message["attrs"] = [["IFLA_GSO_MAX_SIZE", link.gso_max_bytes]]
        if link.gro_max_bytes:
            message["attrs"].append(["IFLA_GRO_MAX_SIZE", link.gro_max_bytes])
        self.netlink.write(message, RTM_NEWLINK)

    def _write_qdisc(self, change: Change, qdisc: Qdisc) -> None:
        message = tc_message(
            self._index(qdisc.device), handle=qdisc.handle, parent=qdisc.parent
        )
        if change.new is None:
            self.netlink.write(message, RTM_DELQDISC)
            return
        old = change.old
        is_change = isinstance(old, Qdisc) and old.handle == qdisc.handle
        _set(message, qdisc.kind, encode_qdisc(qdisc, is_change=is_change))
        # REPLACE also where nothing was: the slot then holds the kernel's default.
        flags = 0 if is_change else NLM_F_CREATE | NLM_F_REPLACE
        self.netlink.write(message, RTM_NEWQDISC, flags)

    def _write_class(self, change: Change, one: Class) -> None:
        message = tc_message(self._index(one.device), handle=one.handle, parent=one.parent)
        if change.new is None:
            self.netlink.write(message, RTM_DELTCLASS)
            return
        _set(message, "htb", encode_class(one))
        flags = NLM_F_CREATE | NLM_F_EXCL if change.old is None else 0
        self.netlink.write(message, RTM_NEWTCLASS, flags)


def _set(message: TcMessage, kind: str, options: bytes) -> None:
    message["attrs"] = [["TCA_KIND", kind]]
    if options:
        message["attrs"].append(["TCA_OPTIONS", options])


def _link(device: str, link: Any) -> Link:
    # Kernels before 5.19 have no GRO limit: 0 says so, and the plan leaves it at that.
    gro = link.get_attr("IFLA_GRO_MAX_SIZE") or 0
    return Link(device, "", link.get_attr("IFLA_GSO_MAX_SIZE") or _DEFAULT_SIZE, gro)


def _qdisc(device: str, one: Any) -> Qdisc:
    kind, data = one.get_attr("TCA_KIND"), one.get_attr("TCA_OPTIONS") or b""
    found = Qdisc(device, one["parent"], one["handle"], kind)
    if found.is_ours:
        options = decode_qdisc(kind, bytes(data))
        return Qdisc(device, found.parent, found.handle, kind, options)
    return Qdisc(device, found.parent, found.handle, kind, (), bytes(data).hex())


def _class(device: str, root: Qdisc, one: Any) -> Class:
    parent = root.handle if one["parent"] == ROOT else one["parent"]
    return decode_class(device, one["handle"], parent, bytes(one.get_attr("TCA_OPTIONS")))
