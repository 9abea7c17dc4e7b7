"""CICFlowMeter's columns from CICFlowMeter's own counts, mistakes included.

The twin of native/cic.h: what either Java version writes, cell by cell. Nothing else uses
it. P and R numbers are those of docs/features.md.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from lab.extract.identity import ENDS
from lab.extract.text import Cells, Kind, constant
from wire.features import DEFAULT_LABEL, FLAGS

Flows = npt.NDArray[np.void]
Table = dict[str, Cells]

NOTHING: Final = np.nan
"""Written as Java's integer 0: the cell of a statistic that has no values."""


def ends(flows: Flows) -> npt.NDArray[np.void]:
    """ENDS of the flows, as CICFlowMeter orients them."""
    out = np.empty(len(flows), ENDS)
    for name in ("source", "destination", "source_port", "destination_port", "protocol"):
        out[name] = flows[name]
    return out


def _named(who: npt.NDArray[np.void], turned: npt.NDArray[np.bool]) -> npt.NDArray[np.void]:
    """The Flow ID's ends: those of the first flow under the map's key."""
    out = who.copy()
    for here, there in (("source", "destination"), ("source_port", "destination_port")):
        mask = turned[:, None] if here == "source" else turned
        out[here] = np.where(mask, who[there], who[here])
        out[there] = np.where(mask, who[here], who[there])
    return out


def _java(values: npt.NDArray[np.generic]) -> Cells:
    return Cells(Kind.JAVA, values.astype(np.float64))


def _or_zero(values: npt.NDArray[np.generic], here: npt.NDArray[np.bool]) -> Cells:
    return Cells(Kind.JAVA_OR_0, np.where(here, values.astype(np.float64), NOTHING))


def _whole(values: npt.NDArray[np.generic]) -> Cells:
    return Cells(Kind.INTEGER, values.astype(np.int64))


def _variance(held: Flows) -> npt.NDArray[np.float64]:
    count = held["count"].astype(np.float64)
    out = np.zeros(len(held))
    np.divide(held["deviations"], count - 1, out=out, where=count > 1)
    return np.where(count > 0, out, np.nan)


def _quotient(above: npt.NDArray[np.generic], below: npt.NDArray[np.generic]) -> Cells:
    out = np.zeros(len(above))
    np.divide(above.astype(np.float64), below, out=out, where=np.asarray(below != 0))
    return _java(out)


def _integer(above: npt.NDArray[np.generic], below: npt.NDArray[np.generic]) -> Cells:
    """P7: integer division."""
    out = np.zeros(len(above), np.int64)
    np.floor_divide(
        above.astype(np.int64),
        below.astype(np.int64),
        out=out,
        where=np.asarray(below != 0),
    )
    return _whole(out)


def _spread(
    out: Table, name: str, held: Flows, order: tuple[str, ...], guard: bool
) -> None:
    here = held["count"] > 0 if guard else np.ones(len(held), bool)
    variance = _variance(held)
    absent = held["count"] == 0
    values = {
        "Max": np.where(absent, np.nan, held["max"]),
        "Min": np.where(absent, np.nan, held["min"]),
        "Mean": np.where(absent, np.nan, held["mean"]),
        "Std": np.sqrt(variance),
        "Variance": variance,
        "Total": held["sum"],
    }
    for word in order:
        cells = _or_zero(values[word], here) if guard else _java(values[word])
        out[f"{name} {word}"] = cells


def _rates(out: Table, flows: Flows, fixed: bool) -> None:
    elapsed = flows["last_us"] - flows["start_us"]
    seconds = elapsed.astype(np.float64) / 1e6
    size = flows["payload_bytes"].sum(axis=1).astype(np.float64)
    count = flows["packets"].sum(axis=1).astype(np.float64)
    out["Flow Duration"] = _whole(elapsed)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_size, by_count = size / seconds, count / seconds
        sides = flows["packets"].astype(np.float64) / seconds[:, None]
    out["Flow Bytes/s"], out["Flow Packets/s"] = _java(by_size), _java(by_count)
    if fixed:
        # R13: an integer -1 where there is no duration.
        for name, values in (("Flow Bytes/s", by_size), ("Flow Packets/s", by_count)):
            out[name] = Cells(Kind.JAVA_OR_MINUS, np.where(elapsed == 0, np.nan, values))
    sides = np.where((elapsed > 0)[:, None], sides, 0.0)
    out["Fwd Packets/s"], out["Bwd Packets/s"] = _java(sides[:, 0]), _java(sides[:, 1])


def _lengths(out: Table, flows: Flows) -> None:
    side, order = flows["side_length"], ("Max", "Min", "Mean", "Std")
    count, held = flows["packets"], flows["length"]
    for at, (word, packets) in enumerate(
        (("Fwd", "Total Fwd Packet"), ("Bwd", "Total Bwd packets"))
    ):
        out[packets] = _whole(count[:, at])
        out[f"Total Length of {word} Packet"] = _java(side[:, at]["sum"])
        _spread(out, f"{word} Packet Length", side[:, at], order, guard=True)
        out[f"{word} Segment Size Avg"] = _quotient(side[:, at]["sum"], count[:, at])
        out[f"{word} Header Length"] = _whole(flows["header_bytes"][:, at])
    _spread(
        out, "Packet Length", held, ("Min", "Max", "Mean", "Std", "Variance"), guard=False
    )
    out["Average Packet Size"] = _quotient(held["sum"], count.sum(axis=1))


def _flags(out: Table, flows: Flows) -> None:
    side = flows["side_flags"]
    for flag in ("PSH", "URG", "RST"):
        for at, word in enumerate(("Fwd", "Bwd")):
            out[f"{word} {flag} Flags"] = _whole(side[:, at, FLAGS.index(flag)])
    for at, flag in enumerate(FLAGS):
        out[f"{flag} Flag Count"] = _whole(flows["flags"][:, at])


def _averages(out: Table, flows: Flows, fixed: bool) -> None:
    divide = _quotient if fixed else _integer
    for at, word in enumerate(("Fwd", "Bwd")):
        bulk = flows["bulk"][:, at]
        seconds = bulk["duration_us"].astype(np.float64) / 1e6
        rate = np.zeros(len(flows))
        np.divide(bulk["bytes"], seconds, out=rate, where=bulk["duration_us"] != 0)
        out[f"{word} Bytes/Bulk Avg"] = divide(bulk["bytes"], bulk["count"])
        out[f"{word} Packet/Bulk Avg"] = divide(bulk["packets"], bulk["count"])
        out[f"{word} Bulk Rate Avg"] = _java(rate) if fixed else _whole(rate)
        out[f"Subflow {word} Packets"] = divide(flows["packets"][:, at], flows["subflows"])
        out[f"Subflow {word} Bytes"] = divide(
            flows["payload_bytes"][:, at], flows["subflows"]
        )
    forward, backward = flows["packets"][:, 0], flows["packets"][:, 1]
    if fixed:
        out["Down/Up Ratio"] = _quotient(backward, forward)
    else:
        out["Down/Up Ratio"] = _java(_integer(backward, forward).values)


def _fork(out: Table, flows: Flows) -> None:
    repeats = flows["retransmits"]
    out["Bwd Act Data Pkts"] = _whole(flows["data_packets"][:, 1])
    out["Bwd Seg Size Min"] = _whole(flows["header_min"][:, 1])
    out["ICMP Code"], out["ICMP Type"] = (
        _whole(flows["icmp_code"]),
        _whole(flows["icmp_type"]),
    )
    out["Fwd TCP Retrans. Count"] = _whole(repeats[:, 0])
    out["Bwd TCP Retrans. Count"] = _whole(repeats[:, 1])
    out["Total TCP Retrans. Count"] = _whole(repeats.sum(axis=1))
    out["Total Connection Flow Time"] = _whole(flows["connection_us"])


def table(flows: Flows, timestamp: Kind, fixed: bool) -> Table:
    """Every column of either Java version by name; flows: CIC_FLOW of shape (n,)."""
    out: Table = {}
    who = ends(flows)
    out["Flow ID"] = Cells(Kind.FLOW, _named(who, flows["reversed"] != 0))
    out["Src IP"] = Cells(Kind.ADDRESS, who["source"])
    out["Dst IP"] = Cells(Kind.ADDRESS, who["destination"])
    out["Src Port"], out["Dst Port"] = (
        _whole(who["source_port"]),
        _whole(who["destination_port"]),
    )
    out["Protocol"] = _whole(who["protocol"])
    out["Timestamp"] = Cells(timestamp, flows["start_us"] * 1000)
    _rates(out, flows, fixed)
    _lengths(out, flows)
    order = ("Mean", "Std", "Max", "Min")
    _spread(out, "Flow IAT", flows["gap"], order, guard=False)
    if fixed:
        for word in order:
            cells = out[f"Flow IAT {word}"]
            out[f"Flow IAT {word}"] = _java(np.nan_to_num(cells.values))
    for at, word in enumerate(("Fwd", "Bwd")):
        gaps = flows["side_gap"][:, at]
        _spread(out, f"{word} IAT", gaps, ("Total", *order), guard=True)
    _flags(out, flows)
    _averages(out, flows, fixed)
    out["FWD Init Win Bytes"] = _whole(flows["window"][:, 0])
    out["Bwd Init Win Bytes"] = _whole(flows["window"][:, 1])
    out["Fwd Act Data Pkts"] = _whole(flows["data_packets"][:, 0])
    out["Fwd Seg Size Min"] = _whole(flows["header_min"][:, 0])
    _spread(out, "Active", flows["active"], order, guard=True)
    _spread(out, "Idle", flows["idle"], order, guard=True)
    if fixed:
        _fork(out, flows)
    out["Label"] = constant(DEFAULT_LABEL, len(flows))
    return out
