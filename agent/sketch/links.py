"""Interface counters into what a batch says of them: differences of two readings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agent.records import Counters, Interface
from wire import batch
from wire.schema import CLASS_NAMES, VOLUME_NAMES

RX, TX = 0, 1


def reports(
    interfaces: tuple[Interface, ...], before: Counters, after: Counters
) -> tuple[batch.Interface, ...]:
    """Return each interface with what it counted between two readings.

    A counter that went back belongs to a slot taken anew: it counts from 0.
    """
    return tuple(
        batch.Interface(
            name=item.name,
            mac=item.mac,
            mtu=item.mtu,
            speed_bps=item.speed_bps,
            addresses=item.addresses,
            is_up=item.is_up,
            rx_mode=item.rx_mode,
            tx_mode=item.tx_mode,
            rx=_direction(item.slot, RX, before, after),
            tx=_direction(item.slot, TX, before, after),
        )
        for item in interfaces
    )


def _direction(slot: int, hook: int, before: Counters, after: Counters) -> batch.Direction:
    volumes = {
        name: _volume(getattr(before, name)[slot, hook], getattr(after, name)[slot, hook])
        for name in VOLUME_NAMES
    }
    classes = {
        name: _volume(
            before.by_class[slot, hook, number], after.by_class[slot, hook, number]
        )
        for number, name in enumerate(CLASS_NAMES)
    }
    carried = {name: volume for name, volume in classes.items() if any(volume)}
    return batch.Direction(**volumes, classes=carried)


def _volume(before: npt.NDArray[np.uint64], after: npt.NDArray[np.uint64]) -> batch.Volume:
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    return batch.Volume(*(new - old if new >= old else new for old, new in pairs))
