"""Lengths, gaps and periods of kernel records: counts, sums and spreads, vectorised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]
Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and deviations of one quantity of each flow; extremes where count > 0.

    deviations is the sum of squared distances from the mean. Units are the records' own.
    """

    count: Whole
    total: Real
    deviations: Real
    smallest: Real
    largest: Real

    def mean(self) -> Real:
        """Total over count; 0 where there is nothing."""
        return ratio(self.total, self.count)

    def variance(self) -> Real:
        """Sample variance (n - 1); 0 below two values."""
        return ratio(self.deviations, np.maximum(self.count - 1, 0))

    def scaled(self, factor: float) -> Moments:
        """The same quantity in another unit."""
        return Moments(
            self.count,
            self.total * factor,
            self.deviations * (factor * factor),
            self.smallest * factor,
            self.largest * factor,
        )


def ratio(above: npt.NDArray[np.generic], below: npt.NDArray[np.generic]) -> Real:
    """Quotient as float64; 0 where the divisor is 0."""
    out = np.zeros(np.shape(above), np.float64)
    np.divide(above, below, out=out, where=np.asarray(below != 0))
    return out


def deviations(
    count: npt.NDArray[np.uint64],
    total: npt.NDArray[np.uint64],
    low: npt.NDArray[np.uint64],
    high: npt.NDArray[np.uint64] | None = None,
) -> Real:
    """Sum of squared distances from the mean, of integers known by count, sum and squares.

    The squares' sum is low + high * 2^64. Plain floating point would lose the small
    spreads of large values: distances from the nearest whole mean are exact modulo 2^64,
    and taken wherever the result is below 2^62.
    """
    whole = np.zeros_like(total)
    np.floor_divide(total, count, out=whole, where=count > 0)
    with np.errstate(over="ignore"):
        exact = low - 2 * whole * total + count * whole * whole
    n, t = count.astype(np.float64), total.astype(np.float64)
    squares = low.astype(np.float64)
    if high is not None:
        squares = squares + high.astype(np.float64) * 2.0**64
    mean = ratio(t, n)
    rough = squares - t * mean
    rest = ratio((total - count * whole).astype(np.float64), n)
    fine = exact.astype(np.float64) - n * rest * rest
    return np.maximum(np.where(rough < 2.0**62, fine, rough), 0.0)


def _either(
    here: npt.NDArray[np.bool], value: npt.NDArray[np.generic]
) -> npt.NDArray[np.float64]:
    return np.where(here, value, 0).astype(np.float64)


def packets(records: Records) -> npt.NDArray[np.uint64]:
    """Packets of each flow by orientation, shape (n, 2): both hooks together."""
    volume = records["volume"]["packets"]
    return np.asarray(volume[:, 0] + volume[:, 1])


def payload(records: Records) -> tuple[Moments, Moments, Moments]:
    """Layer 4 payload bytes a packet: forward, backward, both."""
    direction, count = records["direction"], packets(records)
    total, square = direction["payload_bytes"], direction["payload_square"]
    smallest, largest = direction["payload_min"], direction["payload_max"]
    sides = [
        Moments(
            count[:, side].astype(np.int64),
            total[:, side].astype(np.float64),
            deviations(count[:, side], total[:, side], square[:, side]),
            _either(count[:, side] > 0, smallest[:, side]),
            _either(count[:, side] > 0, largest[:, side]),
        )
        for side in (0, 1)
    ]
    everything, whole = count[:, 0] + count[:, 1], total[:, 0] + total[:, 1]
    low = np.where(count > 0, smallest, np.uint32(0xFFFFFFFF)).min(axis=1)
    both = Moments(
        everything.astype(np.int64),
        whole.astype(np.float64),
        deviations(everything, whole, square[:, 0] + square[:, 1]),
        _either(everything > 0, low),
        np.maximum(sides[0].largest, sides[1].largest),
    )
    return sides[0], sides[1], both


def _gaps(holder: Records, count: npt.NDArray[np.uint64]) -> Moments:
    gaps = np.where(count > 0, count - np.minimum(count, 1), 0).astype(np.uint64)
    total = np.where(count > 0, holder["last_ns"] - holder["first_ns"], 0).astype(np.uint64)
    square = holder["gap_square_ns"]
    return Moments(
        gaps.astype(np.int64),
        total.astype(np.float64),
        deviations(gaps, total, square["low"], square["high"]),
        _either(gaps > 0, holder["gap_min_ns"]),
        _either(gaps > 0, holder["gap_max_ns"]),
    )


def gaps(records: Records) -> tuple[Moments, Moments, Moments]:
    """Times between packets in ns: whole flow, forward, backward."""
    count, direction = packets(records), records["direction"]
    return (
        _gaps(records, count[:, 0] + count[:, 1]),
        _gaps(direction[:, 0], count[:, 0]),
        _gaps(direction[:, 1], count[:, 1]),
    )


def _squares(
    values: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Low and high words of the squares of numbers below 2^63, as bpf/moments.h has it."""
    low, high = values & np.uint64(0xFFFFFFFF), values >> np.uint64(32)
    product, middle = low * low, low * high
    with np.errstate(over="ignore"):
        words = product + (middle << np.uint64(33))
    return words, high * high + (middle >> np.uint64(31)) + (words < product)


def periods(held: Records, running: npt.NDArray[np.uint64] | None = None) -> Moments:
    """Periods in ns; running: one more of each flow that has not ended, 0: none."""
    count, total = held["count"], held["sum_ns"]
    low, high = held["square_ns"]["low"], held["square_ns"]["high"]
    smallest, largest = held["min_ns"], held["max_ns"]
    if running is not None:
        more = running > 0
        total = total + running
        added_low, added_high = _squares(running)
        with np.errstate(over="ignore"):
            high = high + added_high + (low + added_low < low)
            low = low + added_low
        smallest = np.where(more & ((count == 0) | (running < smallest)), running, smallest)
        largest = np.where(more & (running > largest), running, largest)
        count = count + more
    return Moments(
        count.astype(np.int64),
        total.astype(np.float64),
        deviations(count, total, low, high),
        _either(count > 0, smallest),
        _either(count > 0, largest),
    )
