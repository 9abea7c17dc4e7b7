"""Flow features: the 84 columns by name, and how each follows from a kernel record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

VERSION: Final = 1
"""Raised whenever a column's meaning changes; a trained model names the one it needs."""

Records = npt.NDArray[np.void]
Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.generic]]

IDENTITY: Final = (
    "Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Protocol", "Timestamp",
)  # fmt: skip
LABEL: Final = "Label"
DEFAULT_LABEL: Final = "NeedManualLabel"

FLAGS: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
"""TCP flags in the order of the header's bits, as records hold them."""

LENGTH_EDGES: Final = (64, 128, 256, 512, 1024, 1518, 4096)
GAP_FIRST_SHIFT: Final = 11
"""Upper edges of a record's histograms: wire bytes, and 2^11 ns doubled per bucket."""


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


def periods(held: Records, running: npt.NDArray[np.uint64] | None = None) -> Moments:
    """Periods in ns; running: one more of each flow that has not ended, 0: none."""
    count, total = held["count"], held["sum_ns"]
    low, high = held["square_ns"]["low"], held["square_ns"]["high"]
    smallest, largest = held["min_ns"], held["max_ns"]
    if running is not None:
        more = running > 0
        total = total + running
        half = running.astype(np.float64)
        with np.errstate(over="ignore"):
            square = running * running
            carry = (half * half / 2.0**64).astype(np.uint64)
            high = high + carry + (low + square < low)
            low = low + square
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


def _spread(out: Columns, name: str, of: Moments, order: tuple[str, ...]) -> None:
    for word in order:
        if word == "Total":
            out[f"{name} {word}"] = of.total
        elif word == "Mean":
            out[f"{name} {word}"] = of.mean()
        elif word == "Std":
            out[f"{name} {word}"] = np.sqrt(of.variance())
        elif word == "Max":
            out[f"{name} {word}"] = of.largest
        elif word == "Min":
            out[f"{name} {word}"] = of.smallest
        else:
            out[f"{name} {word}"] = of.variance()


def _lengths(out: Columns, records: Records) -> None:
    forward, backward, both = payload(records)
    seconds = (records["last_ns"] - records["first_ns"]).astype(np.float64) / 1e9
    out["Total Fwd Packet"] = forward.count
    out["Total Bwd packets"] = backward.count
    out["Total Length of Fwd Packet"] = forward.total
    out["Total Length of Bwd Packet"] = backward.total
    _spread(out, "Fwd Packet Length", forward, ("Max", "Min", "Mean", "Std"))
    _spread(out, "Bwd Packet Length", backward, ("Max", "Min", "Mean", "Std"))
    _spread(out, "Packet Length", both, ("Min", "Max", "Mean", "Std", "Variance"))
    out["Flow Bytes/s"] = ratio(both.total, seconds)
    out["Flow Packets/s"] = ratio(both.count, seconds)
    out["Fwd Packets/s"] = ratio(forward.count, seconds)
    out["Bwd Packets/s"] = ratio(backward.count, seconds)
    out["Down/Up Ratio"] = ratio(backward.count, forward.count)
    out["Average Packet Size"] = out["Packet Length Mean"]
    out["Fwd Segment Size Avg"] = out["Fwd Packet Length Mean"]
    out["Bwd Segment Size Avg"] = out["Bwd Packet Length Mean"]
    subflows = records["subflows"]
    for word, side in (("Fwd", forward), ("Bwd", backward)):
        out[f"Subflow {word} Packets"] = ratio(side.count, subflows)
        out[f"Subflow {word} Bytes"] = ratio(side.total, subflows)


def _times(out: Columns, records: Records) -> None:
    elapsed = records["last_ns"] - records["first_ns"]
    out["Flow Duration"] = elapsed.astype(np.float64) / 1e3
    whole, forward, backward = gaps(records)
    _spread(out, "Flow IAT", whole.scaled(1e-3), ("Mean", "Std", "Max", "Min"))
    order = ("Total", "Mean", "Std", "Max", "Min")
    _spread(out, "Fwd IAT", forward.scaled(1e-3), order)
    _spread(out, "Bwd IAT", backward.scaled(1e-3), order)
    start = records["active_start_ns"]
    running = np.where(records["last_ns"] > start, records["last_ns"] - start, 0)
    active = periods(records["active"], running.astype(np.uint64))
    _spread(out, "Active", active.scaled(1e-3), ("Mean", "Std", "Max", "Min"))
    idle = periods(records["idle"]).scaled(1e-3)
    _spread(out, "Idle", idle, ("Mean", "Std", "Max", "Min"))


def _headers(out: Columns, records: Records) -> None:
    direction, count = records["direction"], packets(records)
    flags = direction["flags"].astype(np.int64)
    for flag in ("PSH", "URG"):
        for side, word in enumerate(("Fwd", "Bwd")):
            out[f"{word} {flag} Flags"] = flags[:, side, FLAGS.index(flag)]
    both = flags[:, 0] + flags[:, 1]
    for index, flag in enumerate(FLAGS):
        out[f"{flag} Flag Count"] = both[:, index]
    for side, word in enumerate(("Fwd", "Bwd")):
        out[f"{word} Header Length"] = direction["header_bytes"][:, side].astype(np.int64)
    window = direction["first_window"].astype(np.int64)
    out["FWD Init Win Bytes"] = window[:, 0]
    out["Bwd Init Win Bytes"] = window[:, 1]
    out["Fwd Act Data Pkts"] = direction["data_packets"][:, 0].astype(np.int64)
    least = np.where(count[:, 0] > 0, direction["header_min"][:, 0], 0)
    out["Fwd Seg Size Min"] = least.astype(np.int64)


def _bulk(out: Columns, records: Records) -> None:
    direction = records["direction"]
    count = direction["bulk_count"]
    seconds = direction["bulk_duration_ns"].astype(np.float64) / 1e9
    size = ratio(direction["bulk_bytes"], count)
    many = ratio(direction["bulk_packets"], count)
    rate = ratio(direction["bulk_bytes"], seconds)
    for side, word in enumerate(("Fwd", "Bwd")):
        out[f"{word} Bytes/Bulk Avg"] = size[:, side]
        out[f"{word} Packet/Bulk Avg"] = many[:, side]
        out[f"{word} Bulk Rate Avg"] = rate[:, side]


def features(records: Records) -> Columns:
    """Every numeric column of the 84 by name, each an int64 or float64 array of n.

    records: structured array of the kernel's record layout (bpf/records.h), shape (n,).
    Times are microseconds, lengths layer 4 payload bytes: see docs/features.md.
    """
    out: Columns = {}
    _lengths(out, records)
    _times(out, records)
    _headers(out, records)
    _bulk(out, records)
    return out


def matrix(records: Records, names: tuple[str, ...]) -> Real:
    """The named columns as float64 of shape (n, len(names)): what a model is fed."""
    columns = features(records)
    return np.stack([columns[name].astype(np.float64) for name in names], axis=1)


def _braces(stem: str, words: str, tail: str = "") -> tuple[str, ...]:
    return tuple(f"{stem}{word}{tail}" for word in words.split())


NUMERIC: Final = (
    "Flow Duration", "Total Fwd Packet", "Total Bwd packets",
    "Total Length of Fwd Packet", "Total Length of Bwd Packet",
    *_braces("Fwd Packet Length ", "Max Min Mean Std"),
    *_braces("Bwd Packet Length ", "Max Min Mean Std"),
    "Flow Bytes/s", "Flow Packets/s",
    *_braces("Flow IAT ", "Mean Std Max Min"),
    *_braces("Fwd IAT ", "Total Mean Std Max Min"),
    *_braces("Bwd IAT ", "Total Mean Std Max Min"),
    "Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags", "Bwd URG Flags",
    "Fwd Header Length", "Bwd Header Length", "Fwd Packets/s", "Bwd Packets/s",
    *_braces("Packet Length ", "Min Max Mean Std Variance"),
    *_braces("", "FIN SYN RST PSH ACK URG CWR ECE", " Flag Count"),
    "Down/Up Ratio", "Average Packet Size", "Fwd Segment Size Avg", "Bwd Segment Size Avg",
    "Fwd Bytes/Bulk Avg", "Fwd Packet/Bulk Avg", "Fwd Bulk Rate Avg",
    "Bwd Bytes/Bulk Avg", "Bwd Packet/Bulk Avg", "Bwd Bulk Rate Avg",
    "Subflow Fwd Packets", "Subflow Fwd Bytes", "Subflow Bwd Packets", "Subflow Bwd Bytes",
    "FWD Init Win Bytes", "Bwd Init Win Bytes", "Fwd Act Data Pkts", "Fwd Seg Size Min",
    *_braces("Active ", "Mean Std Max Min"),
    *_braces("Idle ", "Mean Std Max Min"),
)  # fmt: skip
"""The 76 measured columns, in file order."""

COLUMNS: Final = (*IDENTITY, *NUMERIC, LABEL)
"""The 84 columns of a flow file, in order."""
