"""What each interface carried since the last batch."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from agent.records import Counters, Interface
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
