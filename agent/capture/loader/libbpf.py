"""The default back end: a prebuilt CO-RE object through libbpf.so.1."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.capture.layout import MAPS
from agent.capture.loader import bpf

PROGRAMS: Final = (
    "weir_xdp",
    "weir_ingress",
    "weir_egress",
    "weir_close",
    "weir_verdict",
    "weir_walk",
)

_LOG_BYTES: Final = 64 * 1024
"""What is kept of a refusal's log; the verifier's own reason stands at its end."""

_ROOM_BYTES: Final = 32 << 20
"""Of one message: libbpf's largest log, as one text. Unused pages cost nothing."""

_ACCOUNTS: Final = re.compile(r"verification time|stack depth")

_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class Refused(OSError):
    """The kernel would not take the programs; `log` is the verifier's last words."""

    def __init__(self, number: int, reason: str, log: str) -> None:
        super().__init__(number, reason)
        self.log = log


@dataclass(frozen=True, slots=True)
class Loaded:
    """Fds of what a back end brought into the kernel."""

    maps: dict[str, int]
    programs: dict[str, int]


class _Log:
    """Collects what libbpf prints, newest last."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._room = mmap.mmap(-1, _ROOM_BYTES)
        self._libc = ctypes.CDLL(None)
        self._callback = _PRINT(self._print)

    def _print(self, level: int, pattern: bytes, arguments: int) -> int:
        if level > 1:
            return 0
        start = ctypes.byref(ctypes.c_char.from_buffer(self._room))
        size = ctypes.c_size_t(_ROOM_BYTES)
        length = self._libc.vsnprintf(start, size, pattern, ctypes.c_void_p(arguments))
        end = min(length, _ROOM_BYTES - 1)
        self._text += self._room[max(0, end - _LOG_BYTES) : end]
        del self._text[:-_LOG_BYTES]
        return 0

    def __enter__(self) -> _Log:
        bpf.library().libbpf_set_print(self._callback)
        return self

    def __exit__(self, *_: object) -> None:
        bpf.library().libbpf_set_print(None)

    def text(self) -> str:
        return self._text.decode(errors="replace")


def reason_of(log: str) -> str:
    """The verifier's last word before its accounts, or else libbpf's first complaint."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if re.match(r"processed \d+ insns", line):
            said = [word for word in lines[:index] if not _ACCOUNTS.match(word)]
            return said[-1] if said else line
    return lines[0].removeprefix("libbpf: ") if lines else "no reason given"


def _library() -> Any:
    library = bpf.library()
    for name in ("bpf_object__open_file", "bpf_object__find_map_by_name"):
        getattr(library, name).restype = ctypes.c_void_p
    library.bpf_object__find_program_by_name.restype = ctypes.c_void_p
    library.bpf_map__initial_value.restype = ctypes.c_void_p
    return library


def load(
    path: Path,
    sizes: dict[str, int],
    reuse: dict[str, int],
    constants: dict[str, int] | None = None,
) -> Loaded:
    """Load an object with maps of the given sizes, or with maps that exist already.

    sizes: entries by map name. reuse: fds by map name. constants: one-byte `const volatile`
    settings in the order of the object's .rodata. Raises Refused; FileNotFoundError.
    """
    if not path.exists():
        raise FileNotFoundError(2, "no such object", str(path))
    library = _library()
    with _Log() as log:
        handle = library.bpf_object__open_file(os.fsencode(path), None)
        if not handle:
            raise Refused(ctypes.get_errno(), f"{path}: not a BPF object", log.text())
        opened = ctypes.c_void_p(handle)
        try:
            _configure(library, opened, sizes, reuse, constants or {})
            result = library.bpf_object__load(opened)
            if result < 0:
                reason = f"the kernel refused {path.name}: {reason_of(log.text())}"
                raise Refused(-result, reason, log.text())
            return _take(library, opened)
        finally:
            library.bpf_object__close(opened)


def _configure(
    library: Any,
    opened: ctypes.c_void_p,
    sizes: dict[str, int],
    reuse: dict[str, int],
    constants: dict[str, int],
) -> None:
    for name, entries in sizes.items():
        found = ctypes.c_void_p(_map(library, opened, name))
        bpf.checked(library.bpf_map__set_max_entries(found, entries), f"size of {name}")
    for name, fd in reuse.items():
        found = ctypes.c_void_p(_map(library, opened, name))
        bpf.checked(library.bpf_map__reuse_fd(found, fd), f"reuse of {name}")
    if constants:
        size = ctypes.c_size_t()
        section = ctypes.c_void_p(_map(library, opened, ".rodata"))
        start = library.bpf_map__initial_value(section, ctypes.byref(size))
        ctypes.memmove(start, bytes(constants.values()), len(constants))


def _map(library: Any, opened: ctypes.c_void_p, name: str) -> int:
    if name == ".rodata":
        library.bpf_object__next_map.restype = ctypes.c_void_p
        library.bpf_map__name.restype = ctypes.c_char_p
        found = library.bpf_object__next_map(opened, None)
        while found and not library.bpf_map__name(ctypes.c_void_p(found)).endswith(
            b".rodata"
        ):
            found = library.bpf_object__next_map(opened, ctypes.c_void_p(found))
    else:
        found = library.bpf_object__find_map_by_name(opened, name.encode())
    if not found:
        raise Refused(2, f"the object has no map {name}", "")
    return int(found)


def _take(library: Any, opened: ctypes.c_void_p) -> Loaded:
    """Own copies of the fds, before the object closes its own."""
    maps = {
        name: os.dup(library.bpf_map__fd(ctypes.c_void_p(_map(library, opened, name))))
        for name in MAPS
    }
    programs = {}
    for name in PROGRAMS:
        found = library.bpf_object__find_program_by_name(opened, name.encode())
        programs[name] = os.dup(library.bpf_program__fd(ctypes.c_void_p(found)))
    return Loaded(maps, programs)
