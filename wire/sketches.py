"""The sketches: Apache DataSketches of fixed kind and shape, so that all of Weir's merge.

Every class has update, merge, to_bytes and from_bytes; the image of an empty sketch is b"".
Images are the library's own, with its default seeds: any user of the library merges them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

import datasketches
import numpy as np
import numpy.typing as npt

from wire import images
from wire.errors import Malformed

HLL_LG_K: Final = 10  # 1,024 registers: relative standard error 1.04 / 32 = 3.25 %
COUNT_MIN_HASHES: Final = 3  # an estimate exceeds its bound with probability e^-3 = 5 %
COUNT_MIN_BUCKETS: Final = 64  # the bound is e / 64 = 4.2 % of the total weight
FREQUENT_LG_SIZE: Final = 3  # of an interval: 6 items exactly, then within 44 %
MERGED_LG_SIZE: Final = 8  # of a merged sketch: 192 items exactly, then within 1.4 %
KLL_K: Final = 128  # rank error 2.1 %
ENDPOINT_KLL_K: Final = 32  # rank error 7.9 %, a quarter of the size


class Distinct:
    """Distinct count of texts: HLL, HLL_8."""

    __slots__ = ("_sketch",)

    def __init__(self, lg_k: int = HLL_LG_K) -> None:
        self._sketch = datasketches.hll_sketch(lg_k, datasketches.HLL_8)

    def update(self, items: Iterable[str]) -> None:
        """Add items."""
        add = self._sketch.update
        for item in items:
            add(item)

    def merge(self, other: Distinct) -> None:
        """Take the union; the coarser of two sizes is what remains.

        The union is the same in any order. Its estimate may differ, by less than the
        standard error: the library's is better while it knows in what order items came.
        """
        lg_k = min(self._sketch.lg_config_k, other._sketch.lg_config_k)
        union = datasketches.hll_union(lg_k)
        union.update(self._sketch)
        union.update(other._sketch)
        self._sketch = union.get_result(datasketches.HLL_8)

    @property
    def estimate(self) -> float:
        """The number of distinct items, about."""
        return float(self._sketch.get_estimate())

    def bounds(self, deviations: int = 2) -> tuple[float, float]:
        """Return the bounds at 1, 2 or 3 standard deviations."""
        low = self._sketch.get_lower_bound(deviations)
        return float(low), float(self._sketch.get_upper_bound(deviations))

    def to_bytes(self) -> bytes:
        """Return the image."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.serialize_compact())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an image; Malformed if it is none."""
        made = cls()
        if data:
            images.check_hll(data)
            made._sketch = _read(datasketches.hll_sketch, data)
        return made


class Frequency:
    """Weight of texts: Count-Min. Exact sums up to 2**53.

    The binding takes a numeric text with an integer weight for an integer item, which is
    another key: weights therefore go in as floating point.
    """

    __slots__ = ("_sketch",)

    def __init__(self) -> None:
        self._sketch = datasketches.count_min_sketch(COUNT_MIN_HASHES, COUNT_MIN_BUCKETS)

    def update(self, items: Iterable[tuple[str, int]]) -> None:
        """Add (item, weight) pairs."""
        add = self._sketch.update
        for item, weight in items:
            add(item, float(weight))

    def merge(self, other: Frequency) -> None:
        """Add the other's weights."""
        self._sketch.merge(other._sketch)

    def estimate(self, item: str) -> int:
        """Return the item's weight, never too low."""
        return int(self._sketch.get_estimate(item))

    @property
    def total(self) -> int:
        """The weight of all items."""
        return int(self._sketch.total_weight)

    def to_bytes(self) -> bytes:
        """Return the image."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.serialize())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an image; Malformed if it is none."""
        made = cls()
        if data:
            images.check_count_min(data, COUNT_MIN_HASHES, COUNT_MIN_BUCKETS)
            made._sketch = _read(datasketches.count_min_sketch, data)
        return made


class Frequent:
    """The heaviest texts with their weights: frequent items."""

    __slots__ = ("_sketch",)

    def __init__(self, lg_size: int = FREQUENT_LG_SIZE) -> None:
        self._sketch = datasketches.frequent_strings_sketch(lg_size)

    def update(self, items: Iterable[tuple[str, int]]) -> None:
        """Add (item, weight) pairs; a weight of 0 adds nothing."""
        add = self._sketch.update
        for item, weight in items:
            if weight:
                add(item, weight)

    def merge(self, other: Frequent) -> None:
        """Add the other's items."""
        self._sketch.merge(other._sketch)

    def top(self, limit: int) -> list[tuple[str, int, int, int]]:
        """Return (item, estimate, lower bound, upper bound), heaviest first."""
        kind = datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES
        return [
            (str(item), int(estimate), int(low), int(high))
            for item, estimate, low, high in self._sketch.get_frequent_items(kind)[:limit]
        ]

    @property
    def total(self) -> int:
        """The weight of all items."""
        return int(self._sketch.total_weight)

    def to_bytes(self) -> bytes:
        """Return the image."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.serialize())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an image; Malformed if it is none."""
        made = cls()
        if data:
            images.check_frequent(data)
            made._sketch = _read(datasketches.frequent_strings_sketch, data)
        return made


class Quantiles:
    """A distribution of numbers: KLL of float32."""

    __slots__ = ("_sketch",)

    def __init__(self, k: int = KLL_K) -> None:
        self._sketch = datasketches.kll_floats_sketch(k)

    def update(self, values: npt.NDArray[Any]) -> None:
        """Add finite numbers, taken as float32."""
        if values.size:
            self._sketch.update(np.ascontiguousarray(values, np.float32))

    def merge(self, other: Quantiles) -> None:
        """Add the other's numbers."""
        self._sketch.merge(other._sketch)

    def quantiles(self, ranks: Iterable[float]) -> list[float]:
        """Return the values at ranks 0 to 1; [] of an empty sketch."""
        if self._sketch.is_empty():
            return []
        return [float(value) for value in self._sketch.get_quantiles(list(ranks))]

    @property
    def count(self) -> int:
        """How many numbers were added."""
        return int(self._sketch.n)

    @property
    def rank_error(self) -> float:
        """The error of a rank, at 99 % confidence."""
        return float(self._sketch.normalized_rank_error(False))

    def to_bytes(self) -> bytes:
        """Return the image."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.serialize())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an image; Malformed if it is none."""
        made = cls()
        if data:
            images.check_kll(data)
            made._sketch = _read(datasketches.kll_floats_sketch, data)
        return made


def _read(kind: Any, data: bytes) -> Any:
    try:
        return kind.deserialize(data)
    except (ValueError, IndexError, RuntimeError, MemoryError, TypeError) as error:
        raise Malformed(f"not a {kind.__name__}: {error}") from None
