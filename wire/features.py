"""Flow features: the 84 columns by name, and how each follows from a kernel record.

The spreads beneath them are taken in wire.moments.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from wire.moments import Moments, Real, Records, gaps, packets, payload, periods, ratio

VERSION: Final = 1
"""Raised whenever a column's meaning changes; a trained model names the one it needs."""

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
