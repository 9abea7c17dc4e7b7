"""The pointer from a device to its IFB: one filter, last in the ingress hook of clsact.

It is the last one so that the filters and programs of others see the packet first. The
hook itself is part of the tree (agent/qos/plan.py): it is made when there is none, and
taken away when it was made and nobody else has put a filter there since.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL
from pyroute2.netlink.rtnl import RTM_DELTFILTER, RTM_GETTFILTER, RTM_NEWTFILTER

from agent.qos.apply.netlink import Netlink, tc_message
from agent.qos.apply.options import attribute, attributes

_HOOKS: Final = (0xFFFFFFF2, 0xFFFFFFF3)  # ingress, egress
_INGRESS: Final = _HOOKS[0]
# Weir's own place among filters: high, so that it comes last.
_PRIORITY: Final = 0xFEE1
_ETH_P_ALL: Final = 0x0300  # big endian
_INFO: Final = _PRIORITY << 16 | _ETH_P_ALL
_U32_SEL, _U32_ACT = 5, 7
_MIRRED_PARMS: Final = 2
_TC_ACT_STOLEN, _EGRESS_REDIRECT = 4, 1


class MirredRedirects:
    """Redirects kept as u32 filters with a mirred action."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    def read(self, index: int) -> int:
        """Return the ifindex that a device is redirected to; 0: none. Raises Refused."""
        targets = [_target(one) for one in self._filters(index, _INGRESS) if _is_ours(one)]
        return next((target for target in targets if target), 0)

    def write(self, index: int, target: int) -> None:
        """Redirect a device; 0: no longer. Raises Refused."""
        message = tc_message(index, parent=_INGRESS, info=_INFO)
        if self.read(index):
            # Without a handle the whole priority goes, which is Weir's alone.
            self._netlink.write(message, RTM_DELTFILTER)
        if target:
            message = tc_message(index, parent=_INGRESS, info=_INFO)
            message["attrs"] = [["TCA_KIND", "u32"], ["TCA_OPTIONS", _match_all(target)]]
            self._netlink.write(message, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL)

    def is_hook_shared(self, index: int) -> bool:
        """True when somebody else has a filter at the device's hooks. Raises Refused."""
        return any(
            not _is_ours(one) for hook in _HOOKS for one in self._filters(index, hook)
        )

    def _filters(self, index: int, hook: int) -> list[Any]:
        return self._netlink.tc(RTM_GETTFILTER, index, parent=hook)


def _is_ours(one: Any) -> bool:
    return bool(one["info"] >> 16 == _PRIORITY and one.get_attr("TCA_KIND") == "u32")


def _match_all(target: int) -> bytes:
    selector = struct.pack(">BBBBHHhhI", 1, 0, 1, 0, 0, 0, 0, 0, 0)  # one key, terminal
    key = struct.pack("=IIii", 0, 0, 0, 0)
    mirred = struct.pack("=IIiiiiI", 0, 0, _TC_ACT_STOLEN, 0, 0, _EGRESS_REDIRECT, target)
    action = attribute(1, b"mirred\0") + attribute(2, attribute(_MIRRED_PARMS, mirred))
    return attribute(_U32_SEL, selector + key) + attribute(_U32_ACT, attribute(1, action))


def _target(filter_: Any) -> int:
    """Return where a filter's mirred action leads; 0: it has none."""
    found = attributes(bytes(filter_.get_attr("TCA_OPTIONS") or b""))
    for action in attributes(found.get(_U32_ACT, b"")).values():
        parts = attributes(action)
        parms = attributes(parts.get(2, b"")).get(_MIRRED_PARMS, b"")
        if parts.get(1, b"").rstrip(b"\0") == b"mirred" and len(parms) >= 28:
            return int(struct.unpack_from("=IIiiiiI", parms)[6])
    return 0
