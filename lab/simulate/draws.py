"""Chance that is the same everywhere: a seed's own bits, and whole numbers from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lab.simulate.flows import Array

Whole = npt.NDArray[np.int64]


class Draws:
    """Numbers that follow from a seed and from what they are for.

    numpy promises the bits of PCG64 for ever, of its distributions it does not; and what
    has no fractions comes out the same on every processor.
    """

    def __init__(self, *seed: int) -> None:
        """Take whole numbers from 0; any other sequence of them draws otherwise."""
        self._bits = np.random.PCG64(list(seed))

    def below(self, most: int | Array, count: int) -> Whole:
        """Draw count numbers from 0 to most - 1; most, or a column of it, is below 2^32."""
        bits = self._bits.random_raw(count) >> np.uint64(32)
        scaled = bits * np.asarray(most, np.uint64)
        return (scaled >> np.uint64(32)).astype(np.int64)

    def between(self, low: int | Array, high: int | Array, count: int) -> Whole:
        """Draw count numbers from low to high, both included."""
        return low + self.below(np.asarray(high) - low + 1, count)

    def weighted(self, weights: Array, count: int) -> Whole:
        """Draw count places of a column of weights, each as often as it weighs."""
        ends = np.cumsum(weights)
        return np.searchsorted(ends, self.below(int(ends[-1]), count), side="right")
