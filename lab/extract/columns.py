"""From the engine's flows to the cells of a file, in the columns of a schema."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lab.extract import cic
from lab.extract.identity import ends
from lab.extract.layout import ENDINGS
from lab.extract.schemas import Schema
from lab.extract.text import Cells, Kind, constant, real, whole
from wire.features import FLAGS, features
from wire.moments import packets, periods, ratio

Flows = npt.NDArray[np.void]

EXTENDED: Final = (
    "First Packet", "Ending", "VLAN", "Fwd DSCP", "Bwd DSCP", "Fwd TTL Min", "Fwd TTL Max",
    "Bwd TTL Min", "Bwd TTL Max", "ICMP Type", "ICMP Code",
    "Fwd Wire Bytes", "Bwd Wire Bytes",
    *(f"{word} {flag} Count" for word in ("Fwd", "Bwd") for flag in FLAGS),
    "Bwd Act Data Pkts", "Bwd Seg Size Min", "Fwd Retransmits", "Bwd Retransmits",
    "Fwd Duplicates", "Bwd Duplicates", "Fwd Late Packets", "Bwd Late Packets",
    "RTT Mean", "RTT Min", "RTT Max", "Continued",
)  # fmt: skip
"""What records and captures tell beyond the 84 columns; behind Label, by option."""


class Labels(Protocol):
    """Rules that name flows (labels.py)."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Every label there is."""

    def indices(self, who: npt.NDArray[np.void], flows: Flows) -> npt.NDArray[np.int64]:
        """Which of them each flow has."""


def _rtt(out: dict[str, Cells], record: Flows) -> None:
    both = [periods(record["rtt"][:, side]).scaled(1e-3) for side in (0, 1)]
    count = both[0].count + both[1].count
    least = np.where(both[0].count > 0, both[0].smallest, np.inf)
    least = np.minimum(least, np.where(both[1].count > 0, both[1].smallest, np.inf))
    out["RTT Mean"] = real(ratio(both[0].total + both[1].total, count))
    out["RTT Min"] = real(np.where(count > 0, least, 0))
    out["RTT Max"] = real(np.maximum(both[0].largest, both[1].largest))


def extended(flows: Flows) -> dict[str, Cells]:
    """The columns of EXTENDED by name; RTT in microseconds."""
    record, extra = flows["record"], flows["extra"]
    direction, count = record["direction"], packets(record)
    out = {
        "First Packet": whole(extra["first_packet"] + 1),
        "Ending": Cells(Kind.TEXT, extra["ending"].astype(np.int64), ENDINGS),
        "VLAN": whole(record["vlan"]),
        "ICMP Type": whole(record["icmp_type"]),
        "ICMP Code": whole(record["icmp_code"]),
        "Continued": whole(extra["continued"]),
        "Bwd Act Data Pkts": whole(direction["data_packets"][:, 1]),
        "Bwd Seg Size Min": whole(
            np.where(count[:, 1] > 0, direction["header_min"][:, 1], 0)
        ),
    }
    size = record["volume"]["bytes"].sum(axis=1)
    for side, word in enumerate(("Fwd", "Bwd")):
        seen = count[:, side] > 0
        out[f"{word} DSCP"] = whole(record["dscp"][:, side])
        out[f"{word} TTL Min"] = whole(np.where(seen, direction["ttl_min"][:, side], 0))
        out[f"{word} TTL Max"] = whole(direction["ttl_max"][:, side])
        out[f"{word} Wire Bytes"] = whole(size[:, side])
        out[f"{word} Retransmits"] = whole(record["retransmits"][:, side])
        out[f"{word} Duplicates"] = whole(extra["duplicates"][:, side])
        out[f"{word} Late Packets"] = whole(extra["late"][:, side])
        for at, flag in enumerate(FLAGS):
            out[f"{word} {flag} Count"] = whole(direction["flags"][:, side, at])
    _rtt(out, record)
    return out


Named = list[tuple[str, Cells]]


def table(flows: Flows, schema: Schema, labels: Labels, wide: bool = False) -> Named:
    """Columns of the schema as (name in the file, cells); flows: FLOW or CIC_FLOW."""
    if schema.mode != "weir":
        cells = cic.table(flows, Kind[schema.timestamp], fixed=schema.mode == "cic-fixed")
        who = cic.ends(flows)
    else:
        cells = {}
        for name, values in features(flows["record"]).items():
            cells[name] = whole(values) if values.dtype.kind == "i" else real(values)
        who = ends(flows)
        cells["Flow ID"] = Cells(Kind.FLOW, who)
        cells["Src IP"] = Cells(Kind.ADDRESS, who["source"])
        cells["Dst IP"] = Cells(Kind.ADDRESS, who["destination"])
        cells["Src Port"] = whole(who["source_port"])
        cells["Dst Port"] = whole(who["destination_port"])
        cells["Protocol"] = whole(who["protocol"])
        started = flows["record"]["first_ns"].astype(np.int64)
        cells["Timestamp"] = Cells(Kind[schema.timestamp], started)
    if len(labels.texts) == 1:
        cells["Label"] = constant(labels.texts[0], len(flows))
    else:
        cells["Label"] = Cells(Kind.TEXT, labels.indices(who, flows), labels.texts)
    out = []
    for name, of in schema.columns:
        cell = cells[of]
        if name in schema.seconds:
            cell = real(cell.values.astype(np.float64) / 1e6)
        out.append((name, cell))
    if wide and schema.mode == "weir":
        more = extended(flows)
        out += [(name, more[name]) for name in EXTENDED]
    return out
