"""The flows of the running interval: what each has carried since the interval began.

A row is a flow of one class: a flow that is classified anew in mid-interval takes a second
row, so that bytes stay with the class under which they were reported.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.records import Array

Index = npt.NDArray[np.intp]
Keys = npt.NDArray[np.uint64]

MAX_ROWS: Final = 1 << 18
"""30 MiB. What comes on top is folded into the sketches first: it costs time, not bytes."""
_LEAST_ROWS: Final = 1 << 12

_SUMS: Final = ("packets", "bytes")
_COPIED: Final = (
    "source_port",
    "destination_port",
    "slot",
    "protocol",
    "family",
    "class",
    "vlan",
)
_LATEST: Final = ("dscp", "last_ns", "rtt_ns", "ending")
_COLUMNS: Final = {
    "flow": "<u8",
    "source": "u1",
    "destination": "u1",
    "source_port": "<u2",
    "destination_port": "<u2",
    "slot": "<u2",
    "protocol": "u1",
    "family": "u1",
    "class": "u1",
    "vlan": "<u2",
    "dscp": "u1",
    "ending": "u1",
    "first_ns": "<u8",
    "last_ns": "<u8",
    "rtt_ns": "<u8",
    "retransmits": "<u4",
    "begun": "<u4",
    "packets_forward": "<u8",
    "packets_backward": "<u8",
    "bytes_forward": "<u8",
    "bytes_backward": "<u8",
}
_WIDE: Final = ("source", "destination")


class FlowTable:
    """Columns of equal length, found by a sorted index of row keys."""

    def __init__(self) -> None:
        self.count = 0
        self._columns = _allocate(_LEAST_ROWS)
        self._keys: Keys = np.zeros(0, np.uint64)  # sorted
        self._rows: Index = np.zeros(0, np.intp)  # row of each key

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column's filled part, no copy: shape (count,), addresses (count, 16)."""
        return self._columns[name][: self.count]

    def room(self) -> int:
        """How many rows may still be added."""
        return MAX_ROWS - self.count

    def add(self, deltas: Array) -> None:
        """Add FLOW_DELTA rows, of which at most room() may be new to the table."""
        flow, keys = _identify(deltas)
        rows = self._find(keys)
        fresh = np.flatnonzero(rows < 0)
        if fresh.size:
            self._append(deltas, flow, keys, fresh)
            rows = self._find(keys)
        self._accumulate(deltas, rows)

    def clear(self) -> None:
        """Begin a new interval; memory follows the size of the one that ended."""
        rows = max(_LEAST_ROWS, 1 << max(0, self.count - 1).bit_length())
        if rows < len(self._columns["flow"]):
            self._columns = _allocate(rows)
        self.count = 0
        self._keys, self._rows = np.zeros(0, np.uint64), np.zeros(0, np.intp)

    def _find(self, keys: Keys) -> Index:
        """Return each key's row, -1 for one that is not there."""
        found = np.full(keys.size, -1, np.intp)
        if self._keys.size:
            # Sorted first: a search in order walks the index once and stays in the cache.
            order = np.argsort(keys)
            sought = keys[order]
            place = np.minimum(np.searchsorted(self._keys, sought), self._keys.size - 1)
            found[order] = np.where(self._keys[place] == sought, self._rows[place], -1)
        return found

    def _append(self, deltas: Array, flow: Keys, keys: Keys, fresh: Index) -> None:
        # In the order of the walk, which the next walk will mostly have as well.
        chosen = fresh[np.sort(group(keys[fresh])[1])]
        new_keys = keys[chosen]
        start, end = self.count, self.count + chosen.size
        self._reserve(end)
        new = take(deltas, chosen)
        columns = self._columns
        for name in (*_WIDE, *_COPIED, *_LATEST, "first_ns"):
            columns[name][start:end] = new[name]
        columns["flow"][start:end] = flow[chosen]
        for name in ("retransmits", "begun"):
            columns[name][start:end] = 0
        for name in _SUMS:
            columns[f"{name}_forward"][start:end] = 0
            columns[f"{name}_backward"][start:end] = 0
        self.count = end
        self._index(new_keys, np.arange(start, end))

    def _index(self, keys: Keys, rows: Index) -> None:
        keys, rows = np.concatenate([self._keys, keys]), np.concatenate([self._rows, rows])
        order = np.argsort(keys)
        self._keys, self._rows = keys[order], rows[order]

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._columns["flow"]):
            return
        larger = _allocate(1 << (rows - 1).bit_length())
        for name, column in self._columns.items():
            larger[name][: self.count] = column[: self.count]
        self._columns = larger

    def _accumulate(self, deltas: Array, rows: Index) -> None:
        columns = self._columns
        for name in _SUMS:
            both = deltas[name]
            np.add.at(columns[f"{name}_forward"], rows, both[:, 0])
            np.add.at(columns[f"{name}_backward"], rows, both[:, 1])
        np.add.at(columns["begun"], rows, deltas["new"].astype("<u4"))
        for name in _LATEST:
            columns[name][rows] = deltas[name]
        columns["retransmits"][rows] = deltas["retransmits"].sum(axis=1, dtype="<u4")


def _allocate(rows: int) -> dict[str, npt.NDArray[Any]]:
    return {
        name: np.zeros((rows, 16) if name in _WIDE else rows, dtype)
        for name, dtype in _COLUMNS.items()
    }


def _identify(deltas: Array) -> tuple[Keys, Keys]:
    """Return a number per flow, and one per flow and class."""
    ports = deltas["source_port"].astype(np.uint64) << np.uint64(16)
    ports |= deltas["destination_port"]
    where = deltas["slot"].astype(np.uint64) << np.uint64(8)
    where |= deltas["protocol"]
    words = [deltas["id"].astype(np.uint64), ports << np.uint64(32) | where]
    for name in _WIDE:
        words += list(words_of(deltas[name]))
    flow = mix(*words)
    return flow, mix(flow, deltas["class"].astype(np.uint64))


def group(keys: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Index, Index]:
    """Return the distinct keys in order, a place of each, and which of them each key is.

    numpy.unique does the same with a stable sort, which takes five times as long.
    """
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.ones(keys.size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    which = np.empty(keys.size, np.intp)
    which[order] = np.cumsum(starts) - 1
    return ordered[starts], order[starts], which


def take(deltas: Array, chosen: Index | npt.NDArray[np.bool_]) -> Array:
    """Return the chosen rows: as opaque bytes, which numpy copies ten times faster."""
    rows = np.ascontiguousarray(deltas)
    picked: Array = rows.view(np.dtype((np.void, rows.dtype.itemsize)))[chosen]
    return picked.view(rows.dtype)


def words_of(addresses: npt.NDArray[np.uint8]) -> tuple[Keys, Keys]:
    """Return the two 64-bit halves of addresses, shape (n, 16)."""
    halves = np.ascontiguousarray(addresses).view("<u8")
    return halves[:, 0], halves[:, 1]


def mix(*words: Keys) -> Keys:
    """Return a 64-bit hash of columns: of 2^18 rows, two meet with probability 2^-29."""
    mixed = np.full(len(words[0]), 0x51ED270B9F5D5D5F + len(words), np.uint64)
    for word in words:
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xD6E8FEB86659FD93)
        mixed ^= mixed >> np.uint64(29)
    return mixed
