"""The pinned maps and programs: made once, adopted by every agent that follows."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from agent.capture.layout import EPOCH, LAYOUT_VERSION, MAPS
from agent.capture.loader import bpf
from agent.capture.loader.libbpf import PROGRAMS, Loaded

BPF_FS_MAGIC: Final = 0xCAFE4A11

Loader = Callable[[dict[str, int], dict[str, int]], Loaded]
"""(entries by map, fds of maps to use) -> what is now in the kernel."""


class CaptureError(Exception):
    """Capture cannot start: the thing, the reason and the remedy in one line."""


@dataclass(frozen=True, slots=True)
class BackEnd:
    """How programs come into the kernel; identity changes whenever the programs do."""

    name: str
    identity: bytes  # 32 bytes
    load: Loader


@dataclass(slots=True)
class Pinned:
    """Fds of what lives in the kernel, whoever brought it there."""

    directory: Path
    maps: dict[str, int]
    programs: dict[str, int]
    boot: bytes
    adopted: bool  # the maps were there before this agent
    notes: list[str] = field(default_factory=list)
    lock: int = -1  # fd that keeps other agents away

    def close(self) -> None:
        """Close the fds; pins and what hangs on them stay."""
        for fd in (*self.maps.values(), *self.programs.values()):
            os.close(fd)
        if self.lock >= 0:
            os.close(self.lock)
        self.lock = -1
        self.maps.clear()
        self.programs.clear()


def is_bpf_file_system(path: Path) -> bool:
    """Whether path lies on a mounted bpffs."""
    buffer = (ctypes.c_long * 32)()
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(path), buffer) != 0:
        return False
    return int(buffer[0]) == BPF_FS_MAGIC


def _make_directories(directory: Path) -> None:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not is_bpf_file_system(there):
        raise CaptureError(
            f"{directory}: not on a BPF file system; run: mount -t bpf bpf /sys/fs/bpf"
        )
    try:
        for name in ("maps", "programs", "links"):
            (directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CaptureError(
            f"{directory}: {error.strerror}; run as root, or give the service the directory"
        ) from error


def _lock(directory: Path) -> int:
    """Fd whose life keeps other agents from these maps. Raises CaptureError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise CaptureError(
            f"{directory}: in use: stop the other agent, or set another pin_directory"
        ) from None
    return fd


def read_epoch(directory: Path) -> np.void | None:
    """The epoch of the maps pinned here, None where there are none. Raises CaptureError."""
    try:
        return _epoch(directory)
    except OSError as error:
        raise CaptureError(
            f"{directory}: {_reason(error)}; {_remedy(error, '')}"
        ) from error


def _epoch(directory: Path) -> np.void | None:
    try:
        fd = bpf.open_pin(directory / "maps" / "epoch")
    except (FileNotFoundError, NotADirectoryError):
        return None
    value = np.zeros(1, EPOCH)
    try:
        bpf.map_lookup(fd, 0, value)
    except OSError:
        return None
    finally:
        os.close(fd)
    epoch: np.void = value[0]
    return epoch


def open_or_make(directory: Path, back_end: BackEnd, sizes: dict[str, int]) -> Pinned:
    """Adopt the pinned maps, or make new ones; bring the programs in if they are not there.

    sizes: entries by map name, for maps yet to be made. Raises CaptureError: then nothing
    new is pinned.
    """
    _make_directories(directory)
    lock = _lock(directory)
    fresh = False
    try:
        epoch = _epoch(directory)
        notes: list[str] = []
        if epoch is not None and (
            int(epoch["layout_version"]) != LAYOUT_VERSION or not epoch["boot"].any()
        ):
            notes.append(
                "pinned maps of another layout were removed; their last counts are lost"
            )
            epoch = None
        if epoch is None:
            fresh = True
            _empty(directory)
            _make_directories(directory)
            pinned = _make(directory, back_end, sizes, notes)
        else:
            pinned = _adopt(directory, back_end, epoch, notes)
    except OSError as error:
        if fresh or not (directory / "maps" / "epoch").exists():
            remove(directory)
        os.close(lock)
        raise CaptureError(
            f"BPF programs ({back_end.name}): {_reason(error)}; "
            f"{_remedy(error, back_end.name)}"
        ) from error
    pinned.lock = lock
    return pinned


def _reason(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return os.strerror(errno.EPERM)  # libbpf guesses at a limit of memory instead.
    return error.strerror or str(error)


def _remedy(error: OSError, back_end: str) -> str:
    if error.errno is None:
        return "run: apt-get install libbpf1"
    if error.errno == errno.EPERM or (
        error.errno == errno.EACCES and "refused" not in str(error)
    ):
        return "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run as root or by the unit"
    if isinstance(error, FileNotFoundError):
        return "reinstall weir-agent, or run: make bpf"
    if error.errno == errno.ENOPKG:
        return 'or set [capture] loader = "libbpf"'
    other = "libbpf" if back_end == "bcc" else "bcc"
    return f'try [capture] loader = "{other}"; weir-agent doctor says more'


def _make(
    directory: Path, back_end: BackEnd, sizes: dict[str, int], notes: list[str]
) -> Pinned:
    loaded = back_end.load(sizes, {})
    for name, fd in loaded.maps.items():
        bpf.pin(fd, directory / "maps" / name)
    pinned = Pinned(
        directory, loaded.maps, loaded.programs, os.urandom(16), adopted=False, notes=notes
    )
    _pin_programs(pinned)
    # Last: maps without an epoch are unfinished, and the next start removes them.
    _write_epoch(pinned, back_end)
    return pinned


def _adopt(directory: Path, back_end: BackEnd, epoch: np.void, notes: list[str]) -> Pinned:
    maps = {name: bpf.open_pin(directory / "maps" / name) for name in MAPS}
    pinned = Pinned(directory, maps, {}, epoch["boot"].tobytes(), adopted=True, notes=notes)
    if epoch["program"].tobytes() == back_end.identity:
        pinned.programs.update(
            {name: bpf.open_pin(directory / "programs" / name) for name in PROGRAMS}
        )
        return pinned
    loaded = back_end.load({}, maps)
    for fd in loaded.maps.values():
        os.close(fd)
    pinned.programs.update(loaded.programs)
    _pin_programs(pinned)
    _write_epoch(pinned, back_end)
    notes.append("programs were replaced in place; counting went on")
    return pinned


def _pin_programs(pinned: Pinned) -> None:
    for name, fd in pinned.programs.items():
        path = pinned.directory / "programs" / name
        path.unlink(missing_ok=True)
        bpf.pin(fd, path)


def _write_epoch(pinned: Pinned, back_end: BackEnd) -> None:
    value = np.zeros(1, EPOCH)
    value["boot"] = np.frombuffer(pinned.boot, np.uint8)
    value["layout_version"] = LAYOUT_VERSION
    value["program"] = np.frombuffer(back_end.identity, np.uint8)
    bpf.map_update(pinned.maps["epoch"], 0, value)


def remove(directory: Path) -> None:
    """Take every pin away; programs and maps go with their last holder."""
    _empty(directory)
    if directory.is_dir() and not any(directory.iterdir()):
        # The service was given the directory: it may empty it, but not remove it.
        with contextlib.suppress(OSError):
            directory.rmdir()


def _empty(directory: Path) -> None:
    for name in ("links", "programs", "maps"):
        folder = directory / name
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
