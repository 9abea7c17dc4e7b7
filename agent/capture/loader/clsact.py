"""Our own filters on an interface's clsact qdisc; everybody else's are left alone."""

from __future__ import annotations

import ctypes
import errno
from typing import Final

from agent.capture.loader import bpf

TC_INGRESS: Final = 1
TC_EGRESS: Final = 2
TC_REPLACE: Final = 1
FILTER_HANDLE: Final = 0x57656972
FILTER_PRIORITY: Final = 0xC0
"""Our own handle and priority: no other agent's filter is ever in that place."""


class _Hook(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("ifindex", ctypes.c_int),
        ("attach_point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
        ("rest", ctypes.c_uint32),
    )


class _Filter(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("prog_fd", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("prog_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
        ("rest", ctypes.c_uint32),
    )


def make(ifindex: int) -> bool:
    """Have a clsact qdisc; True where there was none. Raises OSError."""
    hook = _hook(ifindex, TC_INGRESS | TC_EGRESS)
    result = bpf.library().bpf_tc_hook_create(ctypes.byref(hook))
    if result != -errno.EEXIST:
        bpf.checked(result, "clsact")
    return bool(result == 0)


def put(program: int, ifindex: int, direction: str) -> None:
    """Have our filter of a direction, rx or tx, run the program. Raises OSError."""
    hook, options = _hook(ifindex, _point(direction)), _filter()
    options.prog_fd, options.flags = program, TC_REPLACE
    call = bpf.library().bpf_tc_attach
    bpf.checked(call(ctypes.byref(hook), ctypes.byref(options)), "tc filter")


def is_put(ifindex: int, direction: str) -> bool:
    """Whether our filter of a direction is there."""
    hook, options = _hook(ifindex, _point(direction)), _filter()
    found = bpf.library().bpf_tc_query(ctypes.byref(hook), ctypes.byref(options))
    return bool(found == 0)


def take_off(ifindex: int, direction: str) -> None:
    """Remove our filter of a direction, if it is there."""
    hook, options = _hook(ifindex, _point(direction)), _filter()
    # Refused where there is no such filter, no qdisc or no interface: then it is off.
    bpf.library().bpf_tc_detach(ctypes.byref(hook), ctypes.byref(options))


def _point(direction: str) -> int:
    return TC_INGRESS if direction == "rx" else TC_EGRESS


def _hook(ifindex: int, point: int) -> _Hook:
    return _Hook(sz=_Hook.rest.offset, ifindex=ifindex, attach_point=point)


def _filter() -> _Filter:
    return _Filter(sz=_Filter.rest.offset, handle=FILTER_HANDLE, priority=FILTER_PRIORITY)
