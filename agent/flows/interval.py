"""What each interface carried since the last batch."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from agent.records import UNITS, Counters, Interface
from wire import batch as wire
from wire.schema import CLASS_NAMES, VOLUME_NAMES


def directions(
    interfaces: tuple[Interface, ...], counted: Counters, before: Counters
) -> tuple[wire.Interface, ...]:
    """The batch's interfaces: differences of two cumulative counts, by slot and hook."""
    return tuple(
        wire.Interface(
            name=item.name,
            mac=item.mac,
            mtu=item.mtu,
            speed_bps=item.speed_bps,
            addresses=item.addresses,
            is_up=item.is_up,
            rx_mode=item.rx_mode,
            tx_mode=item.tx_mode,
            rx=_direction(counted, before, item.slot, 0),
            tx=_direction(counted, before, item.slot, 1),
        )
        for item in interfaces
    )


def cumulative(
    interfaces: tuple[Interface, ...], counted: Counters
) -> list[dict[str, Any]]:
    """A live sample's interfaces: everything seen since the maps were made, by class."""
    return [
        {
            "name": item.name,
            "rx": _sample(counted, item.slot, 0),
            "tx": _sample(counted, item.slot, 1),
        }
        for item in interfaces
    ]


def _sample(counted: Counters, slot: int, hook: int) -> dict[str, Any]:
    seen = dict(zip(UNITS, counted.seen[slot, hook].tolist(), strict=True))
    rows = counted.by_class[slot, hook].tolist()
    classes = {name: rows[number] for number, name in enumerate(CLASS_NAMES)}
    return {**seen, "classes": {name: row for name, row in classes.items() if any(row)}}


def _direction(counted: Counters, before: Counters, slot: int, hook: int) -> wire.Direction:
    volumes = {
        name: _volume(getattr(counted, name)[slot, hook], getattr(before, name)[slot, hook])
        for name in VOLUME_NAMES
    }
    classes = {
        name: _volume(
            counted.by_class[slot, hook, number], before.by_class[slot, hook, number]
        )
        for number, name in enumerate(CLASS_NAMES)
    }
    nonzero = {name: volume for name, volume in classes.items() if any(volume)}
    return wire.Direction(**volumes, classes=nonzero)


def _volume(now: npt.NDArray[Any], before: npt.NDArray[Any]) -> wire.Volume:
    return wire.Volume(*(now - before).tolist())
