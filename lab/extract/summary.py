"""What addresses and time buckets add up to, over every flow that ended."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from lab.extract.text import Cells, Kind, whole

ADDRESSES_LIMIT: Final = 1_000_000
BUCKETS_LIMIT: Final = 1_000_000
"""Rows kept; beyond them new addresses or buckets are counted as left out."""

PENDING_ROWS: Final = 65_536

ADDRESS_COLUMNS: Final = (
    "ip", "flows_as_src", "flows_as_dst", "packets_sent", "packets_received", "bytes_sent",
    "bytes_received", "total_flows", "total_packets", "total_bytes",
)  # fmt: skip
BUCKET_COLUMNS: Final = ("start_us", "end_us", "flow_count", "packet_count", "byte_count")

Whole = npt.NDArray[np.int64]


class _Sums:
    """Sums by key, merged when enough rows wait. Keys sort as bytes."""

    def __init__(self, key: np.dtype[np.void], width: int, limit: int) -> None:
        self._limit = limit
        self.keys = np.empty(0, key)
        self.values = np.empty((0, width), np.int64)
        self._waiting: list[tuple[npt.NDArray[np.void], Whole]] = []
        self._rows = 0
        self.left_out = 0

    def add(self, keys: npt.NDArray[np.void], values: Whole) -> None:
        self._waiting.append((keys, values))
        self._rows += len(keys)
        if self._rows >= PENDING_ROWS:
            self.merge()

    def merge(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([self.keys, *(keys for keys, _ in self._waiting)])
        values = np.concatenate([self.values, *(values for _, values in self._waiting)])
        self._waiting, self._rows = [], 0
        unique, inverse = np.unique(keys, return_inverse=True)
        sums = np.zeros((len(unique), values.shape[1]), np.int64)
        np.add.at(sums, inverse, values)
        if len(unique) > self._limit:
            self.left_out += len(unique) - self._limit
            unique, sums = unique[: self._limit], sums[: self._limit]
        self.keys, self.values = unique, sums


class Summary:
    """Per address and per time bucket; fed with every table of flows."""

    def __init__(self, bucket_us: int | None) -> None:
        self._bucket_us = bucket_us
        self._addresses = _Sums(np.dtype("V16"), 6, ADDRESSES_LIMIT)
        self._buckets = _Sums(np.dtype([("us", ">u8")]), 3, BUCKETS_LIMIT)

    def add(
        self, who: npt.NDArray[np.void], started_us: Whole, packets: Whole, size: Whole
    ) -> None:
        """Flows: ENDS, start, packets and wire bytes by direction, shape (n, 2)."""
        ones, none = np.ones(len(who), np.int64), np.zeros(len(who), np.int64)
        for name, sent in (("source", 0), ("destination", 1)):
            keys = np.ascontiguousarray(who[name]).view("V16").reshape(-1)
            row = [
                none if sent else ones,
                ones if sent else none,
                packets[:, sent],
                packets[:, 1 - sent],
                size[:, sent],
                size[:, 1 - sent],
            ]
            self._addresses.add(keys, np.stack(row, axis=1))
        if self._bucket_us:
            keys = np.empty(len(who), [("us", ">u8")])
            keys["us"] = started_us // self._bucket_us * self._bucket_us
            row = [ones, packets.sum(axis=1), size.sum(axis=1)]
            self._buckets.add(keys, np.stack(row, axis=1))

    def addresses(self) -> list[tuple[str, Cells]]:
        """The address table, in order of address."""
        self._addresses.merge()
        values = self._addresses.values
        columns: list[Cells] = [
            Cells(Kind.ADDRESS, self._addresses.keys.view("u1").reshape(-1, 16)),
            *(whole(values[:, at]) for at in range(6)),
            *(whole(values[:, at] + values[:, at + 1]) for at in (0, 2, 4)),
        ]
        return list(zip(ADDRESS_COLUMNS, columns, strict=True))

    def buckets(self) -> list[tuple[str, Cells]]:
        """The bucket table, in order of time; buckets without flows are left out."""
        self._buckets.merge()
        start, values = self._buckets.keys["us"].astype(np.int64), self._buckets.values
        columns = [whole(start), whole(start + (self._bucket_us or 0))]
        columns += [whole(values[:, at]) for at in range(3)]
        return list(zip(BUCKET_COLUMNS, columns, strict=True))
