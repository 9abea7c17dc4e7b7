"""One interval of one agent and its bytes, a versioned msgpack map: docs/wire-format.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wire import columns, messages
from wire.errors import Malformed as Malformed, UnknownVersion as UnknownVersion
from wire.schema import (
    CLASS_NAMES,
    ENDPOINT,
    ENDPOINT_FIELDS,
    ENDPOINT_SKETCHES,
    FLOW,
    FLOW_FIELDS,
    VOLUME_NAMES,
)

VERSION: Final = 1
UNDERSTOOD: Final = (1,)

MAX_INTERFACES: Final = 256  # the kernel side has 64 slots
MAX_ADDRESSES: Final = 256  # of one interface
MAX_ENDPOINTS: Final = 8192
MAX_FLOWS: Final = 65536
MAX_QUANTILES: Final = 64
BOOT_BYTES: Final = 16


class Volume(NamedTuple):
    """Frames as the stack saw them, packets and bytes as on the wire."""

    frames: int = 0
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Direction:
    """What one direction of an interface carried in the interval."""

    seen: Volume = Volume()
    flows: Volume = Volume()
    overflow: Volume = Volume()
    non_ip: Volume = Volume()
    unparsed: Volume = Volume()
    filtered: Volume = Volume()
    classes: Mapping[str, Volume] = field(default_factory=dict)  # by class name, non-zero


@dataclass(frozen=True, slots=True)
class Interface:
    """A watched interface at the interval's end, and its two directions."""

    name: str
    mac: str
    mtu: int
    speed_bps: int  # 0: unknown
    addresses: tuple[str, ...]
    is_up: bool
    rx_mode: str
    tx_mode: str
    rx: Direction
    tx: Direction


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of the interval: row i of totals and image i of each sketch are ids[i].

    totals is an array of wire.schema.ENDPOINT; sketches maps the names of ENDPOINT_SKETCHES
    to serialised sketches, b"" for an empty one.
    """

    ids: tuple[str, ...]
    totals: npt.NDArray[np.void]
    sketches: Mapping[str, tuple[bytes, ...]]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Endpoints)
            and self.ids == other.ids
            and self.sketches == other.sketches
            and np.array_equal(self.totals, other.totals)
        )

    __hash__ = None  # type: ignore[assignment]


NO_ENDPOINTS: Final = Endpoints(
    (), np.zeros(0, ENDPOINT), dict.fromkeys(ENDPOINT_SKETCHES, ())
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything an agent reports of one interval. (agent, boot, sequence) names it."""

    agent: str
    boot: bytes  # 16 random bytes, made with the kernel maps
    sequence: int  # from 1, without gaps
    start_ns: int  # unix time
    end_ns: int
    agent_version: str
    hostname: str
    interfaces: tuple[Interface, ...] = ()
    endpoints: Endpoints = NO_ENDPOINTS
    flows: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, FLOW))
    quantiles: Mapping[str, bytes] = field(default_factory=dict)  # KLL images by name
    health: Mapping[str, int | float | str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        names = [name for name in Batch.__slots__ if name != "flows"]
        return (
            isinstance(other, Batch)
            and all(getattr(self, name) == getattr(other, name) for name in names)
            and np.array_equal(self.flows, other.flows)
        )

    __hash__ = None  # type: ignore[assignment]


def encode(batch: Batch) -> bytes:
    """Return the batch's bytes; equal batches give equal bytes."""
    return messages.dump(
        {
            "version": VERSION,
            "agent": batch.agent,
            "boot": batch.boot,
            "sequence": batch.sequence,
            "start_ns": batch.start_ns,
            "end_ns": batch.end_ns,
            "agent_version": batch.agent_version,
            "hostname": batch.hostname,
            "interfaces": [_interface_message(item) for item in batch.interfaces],
            "endpoints": endpoints_message(batch.endpoints),
            "flows": {
                "count": len(batch.flows),
                **columns.pack_table(batch.flows, FLOW_FIELDS),
            },
            "quantiles": dict(sorted(batch.quantiles.items())),
            "health": dict(sorted(batch.health.items())),
        }
    )


def decode(data: bytes) -> Batch:
    """Return the batch in data. Raises Malformed, UnknownVersion for another version.

    Sketch images are cut out, not looked into: wire.sketches does that.
    """
    message = messages.load(data)
    version = messages.whole(message, "version")
    if version not in UNDERSTOOD:
        raise UnknownVersion(version, UNDERSTOOD)
    interfaces = messages.sequence(message, "interfaces", MAX_INTERFACES)
    flows = messages.mapping(message, "flows")
    start_ns, end_ns = (
        messages.whole(message, "start_ns"),
        messages.whole(message, "end_ns"),
    )
    if end_ns < start_ns:
        raise Malformed("end_ns is before start_ns")
    return Batch(
        agent=messages.text(message, "agent"),
        boot=messages.binary(message, "boot", BOOT_BYTES),
        sequence=messages.whole(message, "sequence"),
        start_ns=start_ns,
        end_ns=end_ns,
        agent_version=messages.text(message, "agent_version"),
        hostname=messages.text(message, "hostname"),
        interfaces=tuple(_interface(item) for item in interfaces),
        endpoints=endpoints_from(messages.mapping(message, "endpoints")),
        flows=columns.unpack_table(
            flows, messages.whole(flows, "count", MAX_FLOWS), FLOW_FIELDS, FLOW
        ),
        quantiles=_quantiles(messages.mapping(message, "quantiles")),
        health=messages.measures(message, "health"),
    )


def _interface_message(item: Interface) -> dict[str, Any]:
    message: dict[str, Any] = {
        name: getattr(item, name)
        for name in Interface.__slots__
        if name not in ("rx", "tx")
    }
    message["addresses"] = list(item.addresses)
    for hook, direction in (("rx", item.rx), ("tx", item.tx)):
        counts: dict[str, Any] = {
            name: list(getattr(direction, name)) for name in VOLUME_NAMES
        }
        counts["classes"] = {
            name: list(volume) for name, volume in sorted(direction.classes.items())
        }
        message[hook] = counts
    return message


def _interface(value: object) -> Interface:
    message = messages.as_mapping(value, "an interface")
    return Interface(
        name=messages.text(message, "name"),
        mac=messages.text(message, "mac"),
        mtu=messages.whole(message, "mtu"),
        speed_bps=messages.whole(message, "speed_bps"),
        addresses=messages.texts(message, "addresses", MAX_ADDRESSES),
        is_up=messages.flag(message, "is_up"),
        rx_mode=messages.text(message, "rx_mode"),
        tx_mode=messages.text(message, "tx_mode"),
        rx=_direction(messages.mapping(message, "rx")),
        tx=_direction(messages.mapping(message, "tx")),
    )


def _direction(message: Mapping[str, Any]) -> Direction:
    volumes = {name: Volume(*messages.whole_row(message, name, 3)) for name in VOLUME_NAMES}
    classes = messages.mapping(message, "classes")
    known = [name for name in CLASS_NAMES if name in classes]
    return Direction(
        **volumes,
        classes={name: Volume(*messages.whole_row(classes, name, 3)) for name in known},
    )


def endpoints_message(endpoints: Endpoints) -> dict[str, Any]:
    """Return the map in which endpoints travel."""
    ids = [item.encode() for item in endpoints.ids]
    sketches = {
        name: list(_PACKERS.get(kind, columns.pack_strings)(endpoints.sketches[name]))
        for name, kind in ENDPOINT_SKETCHES.items()
    }
    return {
        "count": len(ids),
        "ids": list(columns.pack_strings(ids)),
        **columns.pack_table(endpoints.totals, ENDPOINT_FIELDS),
        "sketches": sketches,
    }


def endpoints_from(message: Mapping[str, Any]) -> Endpoints:
    """Return the endpoints in a map; Malformed if it is none."""
    count = messages.whole(message, "count", MAX_ENDPOINTS)
    try:
        ids = tuple(item.decode() for item in _strings(message, "ids", count))
    except UnicodeDecodeError:
        raise Malformed("an endpoint's id is not UTF-8") from None
    if len(set(ids)) != count or any(len(item) > messages.MAX_TEXT for item in ids):
        raise Malformed("an endpoint's id is doubled or too long")
    images = messages.mapping(message, "sketches")
    return Endpoints(
        ids,
        columns.unpack_table(message, count, ENDPOINT_FIELDS, ENDPOINT),
        {
            name: _strings(
                images, name, count, _UNPACKERS.get(kind, columns.unpack_strings)
            )
            for name, kind in ENDPOINT_SKETCHES.items()
        },
    )


_PACKERS: Final = {"count_min": columns.pack_grids}
_UNPACKERS: Final = {"count_min": columns.unpack_grids}
Unpacker = Callable[[bytes, bytes, int], tuple[bytes, ...]]


def _strings(
    message: Mapping[str, Any],
    key: str,
    count: int,
    unpacker: Unpacker = columns.unpack_strings,
) -> tuple[bytes, ...]:
    pair = messages.sequence(message, key, 2)
    if len(pair) != 2 or not all(isinstance(item, bytes) for item in pair):
        raise Malformed(f"{key} is not a pair of binaries")
    return unpacker(pair[0], pair[1], count)


def _quantiles(message: Mapping[str, Any]) -> dict[str, bytes]:
    if len(message) > MAX_QUANTILES:
        raise Malformed(f"more than {MAX_QUANTILES} quantile sketches")
    return {name: messages.binary(message, name) for name in message}
