"""The interval's heaviest flows, across folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.sketch.flowtable import FlowTable, Index
from wire.schema import FLOW

NO_INTERFACE: Final = 0xFFFF
"""Index of an interface that is not in the batch."""

_KEYED: Final = np.dtype([("flow", "<u8"), ("record", FLOW)])
_SUMS: Final = ("packets_forward", "packets_backward", "bytes_forward", "bytes_backward")
_SPARE: Final = 4
"""Candidates kept from a fold for each flow reported: a flow may come in several folds."""

Rows = npt.NDArray[np.void]


def none() -> Rows:
    """Return no candidates."""
    return np.zeros(0, _KEYED)


def heaviest(kept: Rows, table: FlowTable, limit: int) -> Rows:
    """Return the candidates after a fold, from those before it and the table."""
    size = table.column("bytes_forward") + table.column("bytes_backward")
    chosen = _largest(size, limit * _SPARE)
    rows = np.zeros(chosen.size, _KEYED)
    rows["flow"] = table.column("flow")[chosen]
    for name in FLOW.names or ():
        source = "slot" if name == "interface" else name
        rows["record"][name] = table.column(source)[chosen]
    joined = _joined(np.concatenate([kept, rows]))
    return joined[_largest(_size(joined), limit * _SPARE)]


def report(kept: Rows, limit: int, places: Mapping[int, int]) -> Rows:
    """Return the heaviest as wire.schema.FLOW, largest first, slots turned into places."""
    chosen = kept[_largest(_size(kept), limit)]["record"].copy()
    slots = chosen["interface"].tolist()
    chosen["interface"] = [places.get(slot, NO_INTERFACE) for slot in slots]
    return chosen


def _size(rows: Rows) -> npt.NDArray[np.uint64]:
    record = rows["record"]
    total: npt.NDArray[np.uint64] = record["bytes_forward"] + record["bytes_backward"]
    return total


def _largest(size: npt.NDArray[np.uint64], limit: int) -> Index:
    """Return the places of the limit largest that are not 0, largest first."""
    places = np.flatnonzero(size)
    if places.size > limit:
        places = (
            places[np.argpartition(size[places], -limit)[-limit:]] if limit else places[:0]
        )
    return places[np.lexsort((places, -size[places].astype(np.int64)))]


def _joined(rows: Rows) -> Rows:
    """Join rows of one flow, one by class or by fold: sums add up, the last one rules."""
    _, first, inverse = np.unique(rows["flow"], return_index=True, return_inverse=True)
    joined = rows[first]
    order = np.argsort(rows["record"]["last_ns"], kind="stable")
    latest = np.zeros(first.size, np.intp)
    latest[inverse[order]] = order
    joined["record"] = rows["record"][latest]
    for name in _SUMS:
        joined["record"][name] = 0
        np.add.at(joined["record"][name], inverse, rows["record"][name])
    return joined
