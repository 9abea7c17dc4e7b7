"""Both back ends' programs, driven frame by frame without an interface."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.capture.layout import KEY, RECORD, STATE_FORWARD_IS_LOW
from agent.capture.loader import bcc, bpf, libbpf
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import Pinned
from tests.shared_data import REPOSITORY

OBJECT = REPOSITORY / "build" / "bpf" / "flow.bpf.o"
SOURCE = REPOSITORY / "bpf"
LOOPBACK = 1  # what a test run's frames arrive on, wherever it is
SLOT = 3
HOOKS = {"weir_xdp": 0, "weir_ingress": 0, "weir_egress": 1}
OUTCOMES = ("seen", "non_ip", "unparsed", "filtered", "ended")
Volume = tuple[int, int, int]
Array = npt.NDArray[Any]

XDP_LIMIT = 3400
"""Bytes of a frame that a run takes in one piece: a page less its margins."""


@dataclass(frozen=True)
class Seen:
    """What one run did: changed counters, and the flow it made."""

    outcomes: dict[str, Volume]
    flow: Flow | None


@dataclass(frozen=True)
class Flow:
    key: np.void
    record: np.void

    @property
    def ends(self) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
        """Source and destination of the first packet."""
        low = (self.key["low_address"].tobytes(), int(self.key["low_port"]))
        high = (self.key["high_address"].tobytes(), int(self.key["high_port"]))
        forward = self.record["state"] & STATE_FORWARD_IS_LOW
        return (low, high) if forward else (high, low)

    @property
    def forward(self) -> np.void:
        direction: np.void = self.record["direction"][0]
        return direction


@dataclass
class Engine:
    """Programs and maps of one back end, for one test at a time."""

    pinned: Pinned
    kernel: Kernel = field(init=False)

    def __post_init__(self) -> None:
        self.kernel = Kernel(self.pinned)
        self.watch()

    def watch(self, flags: int = 0) -> None:
        self.kernel.set_interface(LOOPBACK, SLOT, flags)

    def run(
        self, program: str, frame: bytes, context: bytes | None = None, repeat: int = 1
    ) -> int:
        """Returns what the program returned."""
        result, _ = bpf.run(self.pinned.programs[program], repeat, frame, context)
        return result

    def sums(self) -> Array:
        return self.kernel.counters([SLOT])[SLOT]

    def outcomes(self, hook: int) -> dict[str, Volume]:
        """Everything that is not 0, overflow summed."""
        row = self.sums()[hook]
        found = {name: _volume(row[name]) for name in OUTCOMES}
        found["overflow"] = _volume(row["overflow"])
        return {name: volume for name, volume in found.items() if any(volume)}

    def flows(self) -> list[Flow]:
        return [
            Flow(keys[i].copy(), records[i].copy())
            for keys, records in self.kernel.records()
            for i in range(len(keys))
        ]

    def clear(self) -> None:
        """Forget flows and counts."""
        self.kernel.clear_counters(SLOT)
        for keys, _ in list(self.kernel.records()):
            for i in range(len(keys)):
                self.delete(keys[i : i + 1])

    def delete(self, key: Array) -> None:
        pointer = ctypes.c_void_p(np.ascontiguousarray(key).ctypes.data)
        bpf.library().bpf_map_delete_elem(self.pinned.maps["flows"], pointer)

    def first_flow(self) -> Flow | None:
        """Any one flow; far quicker than flows()."""
        key, record = np.zeros(1, KEY), np.zeros(1, RECORD)
        fd, pointer = self.pinned.maps["flows"], ctypes.c_void_p(key.ctypes.data)
        if bpf.library().bpf_map_get_next_key(fd, None, pointer):
            return None
        bpf.map_lookup(fd, key, record, bpf.F_LOCK)
        return Flow(key[0], record[0])

    def takes(self, program: str, frame: bytes) -> bool:
        """Whether a run takes the frame: for tc not where an IP header is cut off."""
        if program == "weir_xdp":
            return 14 <= len(frame) <= XDP_LIMIT
        least = {b"\x08\x00": 20, b"\x86\xdd": 40}.get(frame[12:14], 1)
        return 14 + least <= len(frame) <= XDP_LIMIT

    def see(self, program: str, frame: bytes, context: bytes | None = None) -> Seen:
        """One frame on a clean slate."""
        while (old := self.first_flow()) is not None:
            self.delete(old.key)
        self.kernel.clear_counters(SLOT)
        self.run(program, frame, context)
        return Seen(self.outcomes(HOOKS[program]), self.first_flow())


def _volume(array: Array) -> Volume:
    flat = np.atleast_1d(array)
    frames, packets, size = (
        int(flat[name].sum()) for name in ("frames", "packets", "bytes")
    )
    return frames, packets, size


def xdp_context(frame: bytes, ifindex: int = LOOPBACK) -> bytes:
    """A struct xdp_md for a run."""
    return struct.pack("=6I", 0, len(frame), 0, ifindex, 0, 0)


def skb_context(
    gso_segs: int = 0, gso_size: int = 0, wire_len: int = 0, tstamp: int = 0
) -> bytes:
    """A struct __sk_buff for a run, up to gso_size."""
    context = bytearray(192)
    struct.pack_into("=Q", context, 152, tstamp)
    struct.pack_into("=II", context, 160, wire_len, gso_segs)
    struct.pack_into("=I", context, 176, gso_size)
    return bytes(context)


def context_for(program: str, frame: bytes) -> bytes | None:
    return xdp_context(frame) if program == "weir_xdp" else None


def engine(
    back_end: str,
    sizes: dict[str, int] | None = None,
    constants: dict[str, int] | None = None,
) -> Iterator[Engine]:
    """A loaded engine of `libbpf` or `bcc`, gone afterwards."""
    wanted = {"flows": 1024, "closing": 1024, "samples": 1024, "reported": 2048}
    wanted |= sizes or {}
    if back_end == "bcc":
        loaded = bcc.load(SOURCE, wanted, {}, constants)
    else:
        loaded = libbpf.load(OBJECT, wanted, {}, constants)
    pinned = Pinned(
        Path("/nowhere"), loaded.maps, loaded.programs, os.urandom(16), adopted=False
    )
    yield Engine(pinned)
    pinned.close()


assert KEY.itemsize == 40
assert RECORD.itemsize % 8 == 0
