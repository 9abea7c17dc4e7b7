"""bpf(2) by way of libbpf.so.1: maps, programs, links and pins as plain functions on fds.

Every function raises OSError with the kernel's errno. Source: tools/lib/bpf/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

ANY: Final = 0
NOEXIST: Final = 1
F_LOCK: Final = 4

XDP_GENERIC: Final = 1 << 1
XDP_NATIVE: Final = 1 << 2
F_BEFORE: Final = 1 << 3

ATTACH_XDP: Final = 37
ATTACH_TCX_INGRESS: Final = 46
ATTACH_TCX_EGRESS: Final = 47

RUN_FRAME: Final = bytes(64)
"""What a program that looks at no packet is run on."""


class _BatchOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("elem_flags", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    )


class _LinkOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("flags", ctypes.c_uint32),
        ("iter_info", ctypes.c_void_p),
        ("iter_info_len", ctypes.c_uint32),
        ("target_btf_id", ctypes.c_uint32),
        ("rest", ctypes.c_uint64 * 4),
    )


class _RunOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


@cache
def library() -> Any:
    """libbpf.so.1, opened once. Raises OSError where it is not installed."""
    loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    # What it would print goes to nobody's log; refusals are raised with their reason.
    loaded.libbpf_set_print(None)
    return loaded


def checked(result: int, what: str) -> int:
    """The result of a libbpf call, or the OSError it stands for."""
    if result < 0:
        number = -result if result < -1 else ctypes.get_errno() or errno.EPERM
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def map_lookup(
    fd: int, key: npt.NDArray[Any] | int, value: npt.NDArray[Any], flags: int = ANY
) -> bool:
    """Read one value into `value` (contiguous); False where the key is not in the map."""
    key_array = np.array([key], np.uint32) if isinstance(key, int) else key
    call = library().bpf_map_lookup_elem_flags
    result = call(fd, _pointer(key_array), _pointer(value), ctypes.c_uint64(flags))
    if result == -errno.ENOENT:
        return False
    checked(result, "map lookup")
    return True


def map_update(
    fd: int, key: npt.NDArray[Any] | int, value: npt.NDArray[Any], flags: int = ANY
) -> None:
    """Write one value (contiguous)."""
    key_array = np.array([key], np.uint32) if isinstance(key, int) else key
    call = library().bpf_map_update_elem
    result = call(fd, _pointer(key_array), _pointer(value), ctypes.c_uint64(flags))
    checked(result, "map update")


def map_update_range(fd: int, first: int, values: npt.NDArray[Any]) -> None:
    """Write values into an array map from index `first` on."""
    if not len(values):
        return
    keys = np.arange(first, first + len(values), dtype=np.uint32)
    count = ctypes.c_uint32(len(values))
    options = _BatchOptions(ctypes.sizeof(_BatchOptions), 0, 0)
    call = library().bpf_map_update_batch
    values = np.ascontiguousarray(values)
    result = call(
        fd, _pointer(keys), _pointer(values), ctypes.byref(count), ctypes.byref(options)
    )
    checked(result, "map update of a range")


def map_read_range(fd: int, first: int, out: npt.NDArray[Any]) -> None:
    """Read len(out) values of an array map from index `first` on."""
    if not len(out):
        return
    keys = np.empty(len(out), np.uint32)
    start = ctypes.c_uint32(first - 1)
    cursor = ctypes.c_uint32(0)
    count = ctypes.c_uint32(len(out))
    options = _BatchOptions(ctypes.sizeof(_BatchOptions), 0, 0)
    result = library().bpf_map_lookup_batch(
        fd,
        ctypes.byref(start) if first else None,
        ctypes.byref(cursor),
        _pointer(keys),
        _pointer(out),
        ctypes.byref(count),
        ctypes.byref(options),
    )
    if result != -errno.ENOENT:
        checked(result, "map read of a range")
    if count.value != len(out):
        raise OSError(
            errno.EIO, f"map read of a range: {count.value} of {len(out)} entries"
        )


def map_read_batch(
    fd: int,
    cursor: ctypes.c_uint32 | None,
    keys: npt.NDArray[Any],
    values: npt.NDArray[Any],
) -> tuple[int, ctypes.c_uint32 | None]:
    """Read the next entries of a hash map under its records' locks.

    Returns their number and where to go on, None at the end. Raises OSError ENOSPC where a
    hash bucket holds more than the arrays do.
    """
    following = ctypes.c_uint32(0)
    count = ctypes.c_uint32(len(keys))
    options = _BatchOptions(ctypes.sizeof(_BatchOptions), F_LOCK, 0)
    result = library().bpf_map_lookup_batch(
        fd,
        ctypes.byref(cursor) if cursor is not None else None,
        ctypes.byref(following),
        _pointer(keys),
        _pointer(values),
        ctypes.byref(count),
        ctypes.byref(options),
    )
    if result == -errno.ENOENT:
        return count.value, None
    checked(result, "map read")
    return count.value, following


def run(
    fd: int, repeat: int = 1, frame: bytes = RUN_FRAME, context: bytes | None = None
) -> tuple[int, int]:
    """Run a program `repeat` times on a frame (BPF_PROG_TEST_RUN).

    Returns its last return value and the mean duration in ns.
    """
    options = _RunOptions(
        sz=ctypes.sizeof(_RunOptions),
        data_in=frame,
        data_size_in=len(frame),
        ctx_in=context,
        ctx_size_in=len(context) if context else 0,
        repeat=repeat,
    )
    while True:
        result = library().bpf_prog_test_run_opts(fd, ctypes.byref(options))
        if result != -errno.EINTR:
            break
    checked(result, "program run")
    return options.retval, options.duration


def pin(fd: int, path: Path) -> None:
    """Pin a map, program or link."""
    checked(library().bpf_obj_pin(fd, os.fsencode(path)), f"pin {path}")


def open_pin(path: Path) -> int:
    """Fd of what is pinned at path. Raises FileNotFoundError where nothing is."""
    result = library().bpf_obj_get(os.fsencode(path))
    if result == -errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, "no such pin", str(path))
    return checked(result, f"open pin {path}")


def create_link(program: int, ifindex: int, attach_type: int, flags: int = 0) -> int:
    """Fd of a new link between a program and an interface."""
    options = _LinkOptions(sz=_LinkOptions.iter_info.offset, flags=flags)
    call = library().bpf_link_create
    result = call(program, ifindex, attach_type, ctypes.byref(options))
    return checked(result, f"attach to interface {ifindex}")


def update_link(link: int, program: int) -> None:
    """Put another program in a link's place, atomically."""
    checked(library().bpf_link_update(link, program, None), "link update")


def detach_link(link: int) -> None:
    """Take a link's program off, at once; the link stays, and does nothing."""
    checked(library().bpf_link_detach(link), "link detach")


def xdp_program(ifindex: int, flags: int) -> int:
    """Id of the XDP program that an interface has in a mode, 0: none."""
    found = ctypes.c_uint32(0)
    result = library().bpf_xdp_query_id(ifindex, flags, ctypes.byref(found))
    checked(result, f"XDP of interface {ifindex}")
    return found.value


def possible_cpus() -> int:
    """Rows of a per-CPU map's value."""
    return checked(library().libbpf_num_possible_cpus(), "possible CPUs")


class MapInformation(ctypes.Structure):
    """The first fields of struct bpf_map_info."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("key_size", ctypes.c_uint32),
        ("value_size", ctypes.c_uint32),
        ("max_entries", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 76),
    )


def map_entries(fd: int) -> int:
    """How many entries a map was made for."""
    return int(map_information(fd).max_entries)


def map_information(fd: int) -> MapInformation:
    """Kind and sizes of a map."""
    information = MapInformation()
    size = ctypes.c_uint32(ctypes.sizeof(information))
    call = library().bpf_obj_get_info_by_fd
    checked(call(fd, ctypes.byref(information), ctypes.byref(size)), "map information")
    return information
