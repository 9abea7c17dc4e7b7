"""A flow seen on several interfaces counts once: on the one that saw it first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def elect(flows: Array, known: Array, was_home: Array) -> tuple[Array, Array]:
    """Which rows count for this walk, and which for the next: two of bool (n,).

    flows: FLOW_DELTA. known, was_home: rows met before, and those that were home then. A
    home stays home while its record lives; then comes the interface that saw the flow
    first, and of those the lowest slot.
    """
    if not len(flows) or flows["slot"].min() == flows["slot"].max():
        return np.ones(len(flows), np.bool_), np.ones(len(flows), np.bool_)
    has_ended = flows["ending"] != 0
    unsettled = ~known | (has_ended & was_home)
    if not unsettled.any():
        return was_home, was_home
    rows = np.flatnonzero(np.isin(flows["tuple"], flows["tuple"][unsettled]))
    group = flows.take(rows)
    present = _lead(group, ~was_home[rows])
    home = was_home.copy()
    home[rows] = present
    if not has_ended.any():
        return home, home
    following = was_home.copy()
    following[rows] = _lead(group, has_ended[rows] * 2 + ~present)
    return home, following


def _lead(group: Array, rank: Array) -> Array:
    """The first row of each tuple by rank, first sight and slot: bool, shape (n,)."""
    order = np.lexsort((group["slot"], group["first_ns"], rank, group["tuple"]))
    tuples = group["tuple"][order]
    leads = np.ones(len(order), np.bool_)
    leads[1:] = tuples[1:] != tuples[:-1]
    lead = np.zeros(len(group), np.bool_)
    lead[order[leads]] = True
    return lead
