"""Weir as a library: interfaces and their addresses, flows of captures and of live ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lab.extract.columns import table
from lab.extract.engine import Engine, Settings
from lab.extract.labels import Labels
from lab.extract.read import Reading, read
from lab.extract.schemas import SCHEMAS
from lab.extract.source import Source, Unreadable
from lab.extract.text import Writer, header
from wire.features import features
from wire.listeners import Listeners

Flows = npt.NDArray[np.void]

SYSTEM: Final = Path("/sys/class/net")
EVERY_PROTOCOL: Final = 0x0003
LINK_ETHERNET: Final = 1
LINK_RAW: Final = 101
SNAP_BYTES: Final = 65_536
ETHERNET_TYPES: Final = frozenset({1, 772})  # ARPHRD_ETHER, ARPHRD_LOOPBACK


class NoDevice(Exception):
    """There is no such interface, or it may not be listened to."""


@dataclass(frozen=True, slots=True)
class Device:
    """A network interface of this machine."""

    name: str
    hardware_address: str  # empty where there is none
    mtu: int
    is_up: bool
    is_loopback: bool


def _read(path: Path, default: str) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return default


def _device(name: str) -> Device:
    at = SYSTEM / name
    flags = int(_read(at / "flags", "0"), 16)
    return Device(
        name,
        hardware_address(name),
        int(_read(at / "mtu", "0")),
        bool(flags & 1),
        bool(flags & 8),
    )


def devices() -> list[Device]:
    """Every interface, by name."""
    return [
        _device(name) for _, name in sorted(socket.if_nameindex(), key=lambda row: row[1])
    ]


def hardware_address(name: str) -> str:
    """The interface's hardware address as text; empty where it has none."""
    if not (SYSTEM / name).exists():
        raise NoDevice(f"{name}: there is no such interface")
    address = _read(SYSTEM / name / "address", "")
    return "" if address.replace(":", "").strip("0") == "" else address


@dataclass(frozen=True, slots=True)
class Offline:
    """A capture's flows: iterate for pieces of engine.FLOW rows, valid until the next."""

    path: Path
    settings: Settings
    listeners: Listeners

    def __iter__(self) -> Iterator[Flows]:
        """Read the capture, from its beginning; raises Unreadable where it is damaged."""
        reading = Reading()
        with Source(self.path) as source, Engine(self.settings) as engine:
            yield from read(source, engine, reading, listeners=self.listeners)
        if reading.problem:
            raise Unreadable(f"{self.path}: {reading.problem}")

    def csv(self, schema_name: str = "weir") -> Iterator[bytes]:
        """The flow file in pieces, its header first."""
        schema, writer, labels = SCHEMAS[schema_name], Writer(), Labels()
        yield header([name for name, _ in schema.columns])
        for flows in self:
            yield from writer.lines([cells for _, cells in table(flows, schema, labels)])

    def features(self) -> dict[str, npt.NDArray[np.generic]]:
        """All flows' numeric columns by name, whole in memory."""
        pieces = [features(flows["record"]) for flows in self]
        names = pieces[0] if pieces else {}
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in names}


def open_offline(
    path: str | Path, settings: Settings | None = None, listeners: Iterable[object] = ()
) -> Offline:
    """A capture file: pcap or pcapng, plain or compressed."""
    return Offline(Path(path), settings or Settings(), Listeners(listeners))


class Live:
    """Flows of an interface as they end: for a look, the agent keeps up with links."""

    def __init__(self, name: str, settings: Settings, listeners: Listeners) -> None:
        arphrd = int(_read(SYSTEM / name / "type", "0"))
        self._link = LINK_ETHERNET if arphrd in ETHERNET_TYPES else LINK_RAW
        self._engine, self._listeners = Engine(settings), listeners
        try:
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL)
            )
            self._socket.bind((name, 0))
        except PermissionError:
            raise NoDevice(f"{name}: listening needs CAP_NET_RAW; run as root") from None
        except OSError as error:
            raise NoDevice(f"{name}: {error.strerror}") from None

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._engine.close()

    def _ended(self) -> Iterator[Flows]:
        while len(flows := self._engine.take()):
            self._listeners.tell("on_flow_start", flows[flows["extra"]["told"] == 0])
            self._listeners.tell("on_flow_end", flows)
            yield flows

    def flows(self, seconds: float, packets: int | None = None) -> Iterator[Flows]:
        """Listen for so long, or so many packets; what is open then ends."""
        until, left = time.monotonic() + seconds, packets
        while left is None or left > 0:
            wait = until - time.monotonic()
            if wait <= 0:
                break
            self._socket.settimeout(wait)
            try:
                frame = self._socket.recv(SNAP_BYTES)
            except TimeoutError:
                break
            left = None if left is None else left - 1
            if self._engine.push(frame, len(frame), time.time_ns(), self._link):
                yield from self._ended()
        self._engine.finish()
        yield from self._ended()


def open_live(
    name: str, settings: Settings | None = None, listeners: Iterable[object] = ()
) -> Live:
    """An interface of this machine; needs CAP_NET_RAW."""
    hardware_address(name)
    return Live(name, settings or Settings(), Listeners(listeners))
