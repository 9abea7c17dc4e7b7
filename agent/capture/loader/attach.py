"""Attach programs to interfaces and take them off again, leaving everybody else's alone."""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.capture.loader import bpf
from agent.capture.loader.pins import CaptureError, Pinned

TC_INGRESS: Final = 1
TC_EGRESS: Final = 2
TC_REPLACE: Final = 1
FILTER_HANDLE: Final = 0x57656972
FILTER_PRIORITY: Final = 0xC0
"""Our own handle and priority: no other agent's filter is ever in that place."""

_LINK_XDP: Final = 6
_UNSUPPORTED: Final = (
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EBUSY,
    errno.ERANGE,
    errno.EEXIST,
)


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


class _LinkInformation(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("prog_id", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
        ("ifindex", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 60),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which hooks to try: xdp auto | native | generic | off, tc auto | tcx | clsact."""

    xdp: str = "auto"
    tc: str = "auto"


@dataclass(frozen=True, slots=True)
class Attached:
    """How an interface is watched now: none, xdp-native, xdp-generic, tcx or clsact."""

    rx_mode: str
    tx_mode: str
    made_clsact: bool


def attach(pinned: Pinned, ifindex: int, name: str, wanted: Wanted) -> Attached:
    """Watch both directions of an interface. Raises CaptureError: then neither is."""
    try:
        rx_mode, made = _attach_rx(pinned, ifindex, wanted)
        tx_mode, made_too = _attach_tc(pinned, ifindex, "tx", wanted.tc)
    except OSError as error:
        detach(pinned.directory, ifindex)
        raise CaptureError(
            f"{name}: cannot attach: {error.strerror}; see weir-agent doctor"
        ) from error
    return Attached(rx_mode, tx_mode, made or made_too)


def _attach_rx(pinned: Pinned, ifindex: int, wanted: Wanted) -> tuple[str, bool]:
    attempts = {
        "auto": (("xdp-native", bpf.XDP_NATIVE),),
        "native": (("xdp-native", bpf.XDP_NATIVE),),
        "generic": (("xdp-generic", bpf.XDP_GENERIC),),
    }.get(wanted.xdp, ())
    for mode, flag in attempts:
        try:
            _link(pinned, "weir_xdp", ifindex, "rx", bpf.ATTACH_XDP, flag)
        except OSError as error:
            if error.errno not in _UNSUPPORTED or wanted.xdp == "native":
                raise
        else:
            return mode, False
    return _attach_tc(pinned, ifindex, "rx", wanted.tc)


def _attach_tc(
    pinned: Pinned, ifindex: int, direction: str, wanted: str
) -> tuple[str, bool]:
    program = "weir_ingress" if direction == "rx" else "weir_egress"
    kind = bpf.ATTACH_TCX_INGRESS if direction == "rx" else bpf.ATTACH_TCX_EGRESS
    if wanted != "clsact":
        try:
            # First in line, so that what others drop or divert has been seen.
            _link(pinned, program, ifindex, direction, kind, bpf.F_BEFORE)
        except OSError as error:
            if error.errno not in _UNSUPPORTED or wanted == "tcx":
                raise
        else:
            return "tcx", False
    made = _attach_filter(pinned.programs[program], ifindex, direction)
    return "clsact", made


def _link_path(directory: Path, ifindex: int, direction: str) -> Path:
    # By index: names may hold a dot, which bpffs refuses.
    return directory / "links" / f"{ifindex}-{direction}"


def _link(
    pinned: Pinned, program: str, ifindex: int, direction: str, kind: int, flags: int
) -> None:
    path = _link_path(pinned.directory, ifindex, direction)
    fd = _adopt_link(path, ifindex, kind)
    if fd is None:
        fd = bpf.create_link(pinned.programs[program], ifindex, kind, flags)
        try:
            bpf.pin(fd, path)
        finally:
            os.close(fd)
        return
    try:
        bpf.update_link(fd, pinned.programs[program])
    finally:
        os.close(fd)


def _adopt_link(path: Path, ifindex: int, kind: int) -> int | None:
    """Fd of a pinned link that is still of that kind and on that interface."""
    try:
        fd = bpf.open_pin(path)
    except FileNotFoundError:
        return None
    information = _LinkInformation()
    size = ctypes.c_uint32(ctypes.sizeof(information))
    bpf.library().bpf_obj_get_info_by_fd(fd, ctypes.byref(information), ctypes.byref(size))
    is_xdp = information.type == _LINK_XDP
    if information.ifindex == ifindex and is_xdp == (kind == bpf.ATTACH_XDP):
        return fd
    os.close(fd)
    path.unlink()
    return None


def _attach_filter(program: int, ifindex: int, direction: str) -> bool:
    """True where the clsact qdisc was not there before."""
    hook = _hook(ifindex, direction)
    hook.attach_point = TC_INGRESS | TC_EGRESS
    result = bpf.library().bpf_tc_hook_create(ctypes.byref(hook))
    if result != -errno.EEXIST:
        bpf.checked(result, "clsact")
    options = _Filter(
        sz=_Filter.rest.offset,
        prog_fd=program,
        flags=TC_REPLACE,
        handle=FILTER_HANDLE,
        priority=FILTER_PRIORITY,
    )
    hook = _hook(ifindex, direction)
    call = bpf.library().bpf_tc_attach
    bpf.checked(call(ctypes.byref(hook), ctypes.byref(options)), "tc filter")
    return bool(result == 0)


def _hook(ifindex: int, direction: str) -> _Hook:
    point = TC_INGRESS if direction == "rx" else TC_EGRESS
    return _Hook(sz=_Hook.rest.offset, ifindex=ifindex, attach_point=point)


def detach(directory: Path, ifindex: int) -> None:
    """Take our links and filters off an interface, if it is there."""
    for direction in ("rx", "tx"):
        _link_path(directory, ifindex, direction).unlink(missing_ok=True)
        hook = _hook(ifindex, direction)
        options = _Filter(
            sz=_Filter.rest.offset, handle=FILTER_HANDLE, priority=FILTER_PRIORITY
        )
        # Refused where there is no such filter, no qdisc or no interface: then it is off.
        bpf.library().bpf_tc_detach(ctypes.byref(hook), ctypes.byref(options))
