"""The door to the compiled flow engine: bytes of a capture in, structured arrays out."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from lab.extract.layout import CIC_FLOW, FLOW, TALLY

LIBRARY_VARIABLE: Final = "WEIR_FLOWS_LIBRARY"
LIBRARY_NAME: Final = "libweirflows.so"
MODES: Final = ("weir", "cic", "cic-fixed")
TUNNELS: Final = {"ipip": 1, "gre": 2, "vxlan": 4, "gtp": 8, "geneve": 16}

NO_V4: Final = 0x01
NO_V6: Final = 0x02
UNIDIRECTIONAL: Final = 0x04
JOIN_FRAGMENTS: Final = 0x08
DROP_DUPLICATES: Final = 0x10
KEEP_FLOWS: Final = 0x20


class Unbuilt(Exception):
    """The compiled engine is missing or of another version."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How flows are cut and what is counted. Times are seconds."""

    mode: str = "weir"
    idle_timeout: float = 120.0
    active_timeout: float = 1800.0
    linger: float = 15.0
    activity_timeout: float = 5.0
    reorder_window: float = 1.0
    flows_limit: int = 98_304
    tunnels: frozenset[str] = field(default_factory=frozenset)
    ipv4: bool = True
    ipv6: bool = True
    unidirectional: bool = False
    join_fragments: bool = True
    drop_duplicates: bool = False
    keep_flows: bool = False  # no packet ends a flow: as the kernel counts
    jobs: int = 1

    def flags(self) -> int:
        """The switches as the engine takes them."""
        return (
            (0 if self.ipv4 else NO_V4)
            | (0 if self.ipv6 else NO_V6)
            | (UNIDIRECTIONAL if self.unidirectional else 0)
            | (JOIN_FRAGMENTS if self.join_fragments else 0)
            | (DROP_DUPLICATES if self.drop_duplicates else 0)
            | (KEEP_FLOWS if self.keep_flows else 0)
        )


class _Settings(ctypes.Structure):
    _fields_ = (
        ("idle_ns", ctypes.c_uint64),
        ("active_ns", ctypes.c_uint64),
        ("linger_ns", ctypes.c_uint64),
        ("activity_ns", ctypes.c_uint64),
        ("reorder_ns", ctypes.c_uint64),
        ("flows_limit", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("tunnels", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("jobs", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    )


def library_path() -> Path:
    """Where the compiled engine is: named by the environment, built, or installed."""
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        return Path(named)
    root = Path(__file__).resolve().parents[2]
    places = (
        root / "build" / LIBRARY_NAME,
        root / LIBRARY_NAME,
        root / "lib" / LIBRARY_NAME,
    )
    return next((place for place in places if place.exists()), places[0])


def _declare(library: ctypes.CDLL) -> None:
    pointer, whole, wide = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64
    by = ctypes.POINTER
    signatures: dict[str, tuple[object, tuple[object, ...]]] = {
        "weir_engine_new": (pointer, (by(_Settings),)),
        "weir_engine_free": (None, (pointer,)),
        "weir_engine_feed": (whole, (pointer, pointer, wide, by(wide))),
        "weir_engine_push": (
            whole,
            (pointer, pointer, ctypes.c_uint32, ctypes.c_uint32, wide, ctypes.c_uint16),
        ),
        "weir_engine_flush": (whole, (pointer, whole)),
        "weir_engine_take": (wide, (pointer, by(pointer))),
        "weir_engine_touched": (wide, (pointer, by(wide), by(pointer))),
        "weir_engine_reason": (ctypes.c_char_p, (pointer,)),
        "weir_engine_tally": (None, (pointer, pointer)),
        "weir_sizes": (None, (by(wide),)),
        "weir_csv": (
            wide,
            (pointer, ctypes.c_uint32, wide, wide, pointer, wide, by(wide)),
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def load() -> ctypes.CDLL:
    """The compiled engine, its structures checked against the mirrors here."""
    path = library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unbuilt(
            f"{path}: {error}; build it with: python -m lab.extract.build"
        ) from None
    _declare(library)
    sizes = (ctypes.c_uint64 * 4)()
    library.weir_sizes(sizes)
    mirrors = [ctypes.sizeof(_Settings), TALLY.itemsize, FLOW.itemsize, CIC_FLOW.itemsize]
    if list(sizes) != mirrors:
        raise Unbuilt(
            f"{path}: built from other sources; build it again: python -m lab.extract.build"
        )
    return library


class Engine:
    """One capture's flows: feed() or push(), take() until empty, at the end finish()."""

    def __init__(self, settings: Settings) -> None:
        self._library = load()
        self.own = settings.mode == "weir"
        second = 1_000_000_000
        raw = _Settings(
            idle_ns=int(settings.idle_timeout * second),
            active_ns=int(settings.active_timeout * second),
            linger_ns=int(settings.linger * second),
            activity_ns=int(settings.activity_timeout * second),
            reorder_ns=int(settings.reorder_window * second),
            flows_limit=settings.flows_limit,
            flags=settings.flags(),
            tunnels=sum(TUNNELS[name] for name in settings.tunnels),
            mode=MODES.index(settings.mode),
            jobs=settings.jobs,
        )
        self._handle = self._library.weir_engine_new(ctypes.byref(raw))
        if not self._handle:
            raise MemoryError("no memory for the flow engine")
        self.reason = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; the engine is of no further use."""
        if self._handle:
            self._library.weir_engine_free(self._handle)
            self._handle = None

    def feed(self, data: npt.NDArray[np.uint8]) -> tuple[int, int]:
        """Count frames of the bytes. Returns (outcome, bytes consumed).

        Outcome 1: a batch is full, take() and feed the rest; 0: more bytes are needed;
        -1: damaged from here on, reason says why.
        """
        consumed = ctypes.c_uint64()
        outcome = int(
            self._library.weir_engine_feed(
                self._handle, data.ctypes.data, data.size, ctypes.byref(consumed)
            )
        )
        if outcome < 0:
            reason = self._library.weir_engine_reason(self._handle)
            self.reason = reason.decode() if reason else "damaged"
        return outcome, consumed.value

    def push(self, frame: bytes, wire_bytes: int, time_ns: int, link: int) -> bool:
        """Count one frame from elsewhere; True: a batch is full, take() now.

        MemoryError: some flows were lost.
        """
        return self._did(
            self._library.weir_engine_push(
                self._handle, frame, len(frame), wire_bytes, time_ns, link
            )
        )

    def finish(self) -> None:
        """The capture is over: every flow ends. MemoryError: some were lost before."""
        self._did(self._library.weir_engine_flush(self._handle, 1))

    def flush(self) -> None:
        """Count what waits for a full batch, but end nothing that time has not ended.

        MemoryError: some flows were lost.
        """
        self._did(self._library.weir_engine_flush(self._handle, 0))

    def _did(self, outcome: int) -> bool:
        if outcome < 0:
            raise MemoryError("no memory for flows")
        return outcome > 0

    def _copy(self, count: int, pointer: ctypes.c_void_p) -> npt.NDArray[np.void]:
        dtype = FLOW if self.own else CIC_FLOW
        if not count:
            return np.empty(0, dtype)
        address = pointer.value or 0
        raw = (ctypes.c_uint8 * (count * dtype.itemsize)).from_address(address)
        flows: npt.NDArray[np.void] = np.ndarray(count, dtype, memoryview(raw))
        return flows

    def take(self) -> npt.NDArray[np.void]:
        """The next flows that ended, at most 4096; empty: none are left.

        A view that the next call overwrites.
        """
        pointer = ctypes.c_void_p()
        count = self._library.weir_engine_take(self._handle, ctypes.byref(pointer))
        return self._copy(int(count), pointer)

    def touched(self) -> list[npt.NDArray[np.void]]:
        """Copies of the live flows that had packets since the last call."""
        at = ctypes.c_uint64(0)
        out: list[npt.NDArray[np.void]] = []
        while True:
            pointer = ctypes.c_void_p()
            count = self._library.weir_engine_touched(
                self._handle, ctypes.byref(at), ctypes.byref(pointer)
            )
            if not count:
                return out
            out.append(self._copy(int(count), pointer).copy())

    def frames(self) -> int:
        """Frames seen so far."""
        return int(self.tally()["seen"]["frames"][0])

    def tally(self) -> npt.NDArray[np.void]:
        """What became of every frame so far: one TALLY."""
        out = np.zeros(1, TALLY)
        self._library.weir_engine_tally(self._handle, out.ctypes.data)
        return out
