"""Sketches of one endpoint, from any agents and intervals, merged into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

from collector.records import Refused
from wire.errors import Malformed
from wire.sketches import MERGED_LG_SIZE, Distinct, Frequent, Quantiles

TOP_MAX: Final = 20
RANKS: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
DISTINCT: Final = ("unique_peers", "unique_ports", "unique_services")
TOPS: Final = ("top_ports", "top_peers")
DISTRIBUTIONS: Final = ("packet_length", "flow_duration", "throughput")
NO_ESTIMATES: Final[dict[str, Any]] = {
    **dict.fromkeys(DISTINCT, 0.0), **{name: [] for name in TOPS},
}  # fmt: skip


def distinct(image: bytes) -> float:
    """Return an HLL's estimate; an empty image counts nothing. Raises Refused."""
    if not image:
        return 0.0
    try:
        return Distinct.from_bytes(image).estimate
    except Malformed as error:
        raise Refused(400, str(error)[:200]) from error


def new_top() -> Frequent:
    """Return an empty sketch that holds more items than any that is merged into it."""
    return Frequent(MERGED_LG_SIZE)


class Merged:
    """The union of all images of one endpoint that were added."""

    def __init__(self) -> None:
        self._distinct: dict[str, Distinct] = {}
        self._tops: dict[str, Frequent] = {}
        self._distributions: dict[str, Quantiles] = {}
        self._least = dict.fromkeys(DISTINCT, 0.0)
        self.count = 0
        self.damaged = 0

    def add(self, image: bytes, estimates: Mapping[str, Any]) -> None:
        """Merge one stored image; without sketches, the estimates give a lower bound."""
        self.count += 1
        if not image:
            for name in DISTINCT:
                self._least[name] = max(self._least[name], float(estimates[name]))
            return
        for name, data in msgpack.unpackb(image).items():
            try:
                self._add_one(name, data)
            except Malformed:
                self.damaged += 1

    def _add_one(self, name: str, data: bytes) -> None:
        if name in DISTINCT:
            merge_into(self._distinct, name, Distinct.from_bytes(data))
        elif name in TOPS:
            self._tops.setdefault(name, new_top()).merge(Frequent.from_bytes(data))
        elif name in DISTRIBUTIONS:
            merge_into(self._distributions, name, Quantiles.from_bytes(data))

    def estimates(self) -> dict[str, Any]:
        """Return distinct counts and heavy hitters."""
        found: dict[str, Any] = {}
        for name in DISTINCT:
            union = self._distinct.get(name)
            found[name] = round(max(union.estimate if union else 0.0, self._least[name]), 1)
        for name in TOPS:
            found[name] = top(self._tops[name]) if name in self._tops else []
        return found

    def distributions(self) -> dict[str, Any]:
        """Return quantiles by the name of the distribution."""
        return {name: shape(sketch) for name, sketch in self._distributions.items()}


def merge_into(sketches: dict[str, Any], name: str, sketch: Any) -> None:
    """Merge a sketch into the one of that name, or make it the first."""
    if name in sketches:
        sketches[name].merge(sketch)
    else:
        sketches[name] = sketch


def top(sketch: Frequent) -> list[dict[str, Any]]:
    """Return the heaviest items, heaviest first."""
    return [
        {"item": item, "estimate": estimate, "at_least": low, "at_most": high}
        for item, estimate, low, high in sketch.top(TOP_MAX)
    ]


def quantiles(images: Iterable[bytes]) -> dict[str, Any] | None:
    """Return the quantiles of all images together, or None when there are none."""
    merged: dict[str, Quantiles] = {}
    for image in images:
        add_quietly(merged, image, Quantiles.from_bytes)
    return shape(merged[""]) if merged else None


def add_quietly(
    merged: dict[str, Quantiles], image: bytes, read: Callable[[bytes], Quantiles]
) -> None:
    """Merge an image unless it is damaged."""
    try:
        merge_into(merged, "", read(image))
    except Malformed:
        return


def shape(sketch: Quantiles) -> dict[str, Any]:
    """Return a distribution as the API gives it."""
    values = sketch.quantiles(RANKS)
    return {
        "count": sketch.count,
        "ranks": list(RANKS) if values else [],
        "values": values,
        "rank_error": sketch.rank_error,
    }
