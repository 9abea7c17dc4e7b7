"""The last five minutes of live rates, so that a page that opens does not begin empty."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collector.records import CLASS_NAMES, DIRECTIONS

SECONDS: Final = 300
LANES_MAX: Final = 512
"""Interfaces; at 19 kB each 10 MB. The console draws no more than half as many."""


Copy = tuple[NDArray[np.int64], dict[tuple[str, str], NDArray[np.float32]]]
"""Times, and the rates of every interface at them."""


class History:
    """Bits a second of every interface, by direction and class, one row a second."""

    def __init__(self) -> None:
        self._times: NDArray[np.int64] = np.full(SECONDS, -1, np.int64)
        self._lanes: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._heard: dict[tuple[str, str], int] = {}

    def add(self, now: float, throughput: Iterable[Mapping[str, Any]]) -> None:
        """Take the rates of one second; a second that is there already keeps its own."""
        second = int(now)
        row = second % SECONDS
        if self._times[row] == second:
            return
        self._times[row] = second
        self._forget(second)
        for values in self._lanes.values():
            values[row] = np.nan
        for one in throughput:
            name = (one["agent"], one["interface"])
            lane = self._lane(name)
            if lane is not None:
                self._heard[name] = second
                for place, way in enumerate(DIRECTIONS):
                    lane[row, place] = rates_of(one[way])

    def _lane(self, name: tuple[str, str]) -> NDArray[np.float32] | None:
        """Return an interface's rows; None when there are too many interfaces."""
        if name not in self._lanes:
            if len(self._lanes) >= LANES_MAX:
                return None
            shape = (SECONDS, len(DIRECTIONS), 1 + len(CLASS_NAMES))
            self._lanes[name] = np.full(shape, np.nan, np.float32)
        return self._lanes[name]

    def _forget(self, second: int) -> None:
        """Drop interfaces of which nothing was heard in all the time."""
        for name in [n for n, last in self._heard.items() if second - last >= SECONDS]:
            del self._lanes[name], self._heard[name]

    def copy(self, now: float) -> Copy:
        """Return what is held, oldest first: for another thread to describe."""
        held = np.nonzero((self._times > now - SECONDS) & (self._times <= now))[0]
        rows = held[np.argsort(self._times[held])]
        lanes = {name: values[rows] for name, values in self._lanes.items()}
        return self._times[rows], lanes


def body_of(held: Copy, may_pack: bool) -> bytes:
    """Return the answer's body; takes seconds for hundreds of interfaces."""
    found = document(held)
    # One by one: the encoder lets no other thread run before it has ended.
    lanes = ",".join(map(json.dumps, found["interfaces"]))
    text = f'{{"times": {json.dumps(found["times"])}, "interfaces": [{lanes}]}}'
    return gzip.compress(text.encode(), 5) if may_pack else text.encode()


def document(held: Copy) -> dict[str, Any]:
    """Return a copy as the API gives it; null where an interface was not heard."""
    times, lanes = held
    return {
        "times": times.tolist(),
        "interfaces": [
            {"agent": agent, "interface": name}
            | {way: described(values[:, place]) for place, way in enumerate(DIRECTIONS)}
            for (agent, name), values in lanes.items()
            if not np.isnan(values).all()
        ],
    }


def rates_of(direction: Mapping[str, Any]) -> list[float]:
    """Return bits a second of all traffic, then of each class."""
    classes = direction["classes"]
    by_class = [classes[name]["bps"] if name in classes else 0.0 for name in CLASS_NAMES]
    return [direction["bps"], *by_class]


def described(values: NDArray[np.float32]) -> dict[str, Any]:
    """Return one direction: a list for all traffic and for each class that has any."""
    return {
        "bps": whole(values[:, 0]),
        "classes": {
            name: whole(values[:, place])
            for place, name in enumerate(CLASS_NAMES, 1)
            if np.nansum(values[:, place])
        },
    }


def whole(values: NDArray[np.float32]) -> list[int | None]:
    """Return whole bits a second; None where nothing was heard."""
    gaps = np.isnan(values)
    found: list[int | None] = np.where(gaps, 0, values).round().astype(np.int64).tolist()
    for place in np.nonzero(gaps)[0].tolist():
        found[place] = None
    return found
