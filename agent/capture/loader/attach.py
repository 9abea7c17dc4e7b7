"""Attach programs to interfaces and take them off again, leaving everybody else's alone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.capture.loader import bpf, clsact, create
from agent.capture.loader.pins import CaptureError, Pinned

_LINK_XDP: Final = 6
_PASS_XDP: Final = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)
_PASS_TC: Final = struct.pack("=BBhiBBhi", 0xB7, 0, 0, -1, 0x95, 0, 0, 0)
"""r0 = XDP_PASS or TC_ACT_UNSPEC; exit."""
_UNSUPPORTED: Final = (
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EBUSY,
    errno.ERANGE,
    errno.EEXIST,
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
    return "clsact", _filter(pinned, program, ifindex, direction)


def _link_path(directory: Path, ifindex: int, direction: str) -> Path:
    # By index: names may hold a dot, which bpffs refuses.
    return directory / "links" / f"{ifindex}-{direction}"


def _link(
    pinned: Pinned, program: str, ifindex: int, direction: str, kind: int, flags: int
) -> None:
    path = _link_path(pinned.directory, ifindex, direction)
    if not _update_link(path, ifindex, kind, flags, pinned.programs[program]):
        _change_to_link(path, ifindex, pinned.programs[program], kind, flags)
    clsact.take_off(ifindex, direction)


def _change_to_link(path: Path, ifindex: int, program: int, kind: int, flags: int) -> None:
    """Hooks come and go in milliseconds, in which both would count, or neither.

    So the new one comes with a program that does nothing, and programs are exchanged.
    """
    is_xdp = kind == bpf.ATTACH_XDP
    direction = path.name.rpartition("-")[2]
    with _nothing() as nothing:
        fd = bpf.create_link(nothing[is_xdp], ifindex, kind, flags)
        try:
            # An exchange at XDP holds at once, but returns late: it comes second.
            if is_xdp:
                _silence(path, ifindex, direction, nothing)
            bpf.update_link(fd, program)
            _silence(path, ifindex, direction, nothing)
            _take_link_off(path)
            bpf.pin(fd, path)
        finally:
            os.close(fd)


@contextlib.contextmanager
def _nothing() -> Iterator[dict[bool, int]]:
    """Fds of programs that let all pass and count nothing: for XDP (True) and for tc."""
    found: dict[bool, int] = {}
    try:
        for is_xdp, kind, code in (
            (True, create.XDP, _PASS_XDP),
            (False, create.SCHED_CLS, _PASS_TC),
        ):
            found[is_xdp] = create.program(create.Program("weir_nothing", kind, code))
        yield found
    finally:
        for fd in found.values():
            os.close(fd)


def _silence(path: Path, ifindex: int, direction: str, nothing: dict[bool, int]) -> None:
    """Have hooks that are about to go count no more."""
    _silence_link(path, nothing)
    if clsact.is_put(ifindex, direction):
        clsact.put(nothing[False], ifindex, direction)


def _silence_link(path: Path, nothing: dict[bool, int]) -> None:
    # Refused where there is none, or its interface is gone: then nothing counts.
    with contextlib.suppress(OSError):
        fd = bpf.open_pin(path)
        try:
            bpf.update_link(fd, nothing[_information(fd).type == _LINK_XDP])
        finally:
            os.close(fd)


def _update_link(path: Path, ifindex: int, kind: int, flags: int, program: int) -> bool:
    """Whether a pinned link of that kind is on that interface; it has the program then."""
    try:
        fd = bpf.open_pin(path)
    except FileNotFoundError:
        return False
    try:
        information = _information(fd)
        is_xdp = information.type == _LINK_XDP
        if information.ifindex != ifindex or is_xdp != (kind == bpf.ATTACH_XDP):
            return False
        if is_xdp and bpf.xdp_program(ifindex, flags) != information.prog_id:
            # The kernel takes no second mode beside the first.
            _take_link_off(path)
            return False
        bpf.update_link(fd, program)
    finally:
        os.close(fd)
    return True


def _information(fd: int) -> _LinkInformation:
    found = _LinkInformation()
    size = ctypes.c_uint32(ctypes.sizeof(found))
    call = bpf.library().bpf_obj_get_info_by_fd
    bpf.checked(call(fd, ctypes.byref(found), ctypes.byref(size)), "link information")
    return found


def _take_link_off(path: Path) -> None:
    """Take a pinned link off its interface at once: without its pin it goes later."""
    try:
        fd = bpf.open_pin(path)
    except FileNotFoundError:
        return
    # Refused where its interface is gone: then it is off.
    with contextlib.suppress(OSError):
        bpf.detach_link(fd)
    os.close(fd)
    path.unlink()


def _filter(pinned: Pinned, program: str, ifindex: int, direction: str) -> bool:
    """True where the clsact qdisc was not there before."""
    made = clsact.make(ifindex)
    path = _link_path(pinned.directory, ifindex, direction)
    with _nothing() as nothing:
        clsact.put(pinned.programs[program], ifindex, direction)
        _silence_link(path, nothing)
    _take_link_off(path)
    return made


def detach(directory: Path, ifindex: int) -> None:
    """Take our links and filters off an interface, if it is there."""
    for direction in ("rx", "tx"):
        _take_link_off(_link_path(directory, ifindex, direction))
        clsact.take_off(ifindex, direction)
