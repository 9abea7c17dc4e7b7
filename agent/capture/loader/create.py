"""Maps, types and programs brought into the kernel part by part, without an object file."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final

from agent.capture.loader import bpf

HASH: Final = 1
ARRAY: Final = 2
PERCPU_ARRAY: Final = 6
SCHED_CLS: Final = 3
XDP: Final = 6
FLOW_DISSECTOR: Final = 22

LICENSE: Final = b"GPL"
_LOG_BYTES: Final = 16 << 20
"""The verifier's words on one program in full; older kernels refuse a shorter buffer."""

_LOG_KEPT: Final = 64 * 1024


class _MapOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("btf_fd", ctypes.c_uint32),
        ("btf_key_type_id", ctypes.c_uint32),
        ("btf_value_type_id", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 7),
    )


class _ProgramOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("attempts", ctypes.c_int),
        ("expected_attach_type", ctypes.c_int),
        ("prog_btf_fd", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_ifindex", ctypes.c_uint32),
        ("kern_version", ctypes.c_uint32),
        ("attach_btf_id", ctypes.c_uint32),
        ("attach_prog_fd", ctypes.c_uint32),
        ("attach_btf_obj_fd", ctypes.c_uint32),
        ("fd_array", ctypes.c_void_p),
        ("func_info", ctypes.c_char_p),
        ("func_info_cnt", ctypes.c_uint32),
        ("func_info_rec_size", ctypes.c_uint32),
        ("line_info", ctypes.c_void_p),
        ("line_info_cnt", ctypes.c_uint32),
        ("line_info_rec_size", ctypes.c_uint32),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class MapTypes:
    """Which of a loaded BTF's types a map's keys and values are."""

    btf: int  # fd
    key: int
    value: int


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions ready for the kernel; functions: (first instruction, BTF type) each."""

    name: str
    kind: int
    code: bytes
    functions: bytes = b""
    btf: int = 0  # fd


def btf(blob: bytes) -> int:
    """Fd of types now in the kernel."""
    return bpf.checked(bpf.library().bpf_btf_load(blob, len(blob), None), "load of BTF")


def new_map(
    name: str,
    kind: int,
    sizes: tuple[int, int],
    entries: int,
    types: MapTypes | None = None,
) -> int:
    """Fd of a new map; sizes are the bytes of a key and of a value."""
    options = _MapOptions(sz=ctypes.sizeof(_MapOptions))
    if types is not None:
        options.btf_fd = types.btf
        options.btf_key_type_id = types.key
        options.btf_value_type_id = types.value
    call = bpf.library().bpf_map_create
    result = call(kind, name.encode(), *sizes, entries, ctypes.byref(options))
    return bpf.checked(result, f"map {name}")


def program(wanted: Program) -> int:
    """Fd of a program now in the kernel. Raises OSError."""
    return bpf.checked(_load(wanted, None), f"program {wanted.name}")


def verifier_log(wanted: Program) -> str:
    """The end of what the kernel says while it refuses a program."""
    log = ctypes.create_string_buffer(_LOG_BYTES)
    _load(wanted, log)
    return log.value[-_LOG_KEPT:].decode(errors="replace")


def _load(wanted: Program, log: Any) -> int:
    options = _ProgramOptions(
        sz=ctypes.sizeof(_ProgramOptions),
        expected_attach_type=bpf.ATTACH_XDP if wanted.kind == XDP else 0,
    )
    if wanted.functions:
        options.prog_btf_fd = wanted.btf
        options.func_info = wanted.functions
        options.func_info_cnt = len(wanted.functions) // 8
        options.func_info_rec_size = 8
    if log is not None:
        options.log_level, options.log_size = 1, len(log)
        options.log_buf = ctypes.cast(log, ctypes.c_void_p)
    return int(
        bpf.library().bpf_prog_load(
            wanted.kind,
            wanted.name.encode(),
            LICENSE,
            wanted.code,
            ctypes.c_size_t(len(wanted.code) // 8),
            ctypes.byref(options),
        )
    )
