"""The 76 measured columns by their definitions, from a list of packets; slow and plain.

Shares nothing with the engine or wire.features: it reads like docs/features.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


@dataclass(frozen=True)
class Packet:
    """What the columns need to know of one packet of one flow, in order of time."""

    time_ns: int
    forward: bool
    payload: int
    header: int
    flags: int = 0
    window: int = 0


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def deviation(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    middle = mean(values)
    return sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))


def gaps(packets: list[Packet]) -> list[float]:
    times = [packet.time_ns for packet in packets]
    return [(b - a) / 1000 for a, b in zip(times, times[1:], strict=False)]


def active_and_idle(packets: list[Packet]) -> tuple[list[float], list[float]]:
    active, idle, begin, last = [], [], packets[0].time_ns, packets[0].time_ns
    for packet in packets[1:]:
        if packet.time_ns - last > 5_000_000_000:
            active.append((last - begin) / 1000)
            idle.append((packet.time_ns - last) / 1000)
            begin = packet.time_ns
        last = packet.time_ns
    active.append((last - begin) / 1000)
    return [value for value in active if value > 0], idle


def bulks(packets: list[Packet], forward: bool) -> list[list[Packet]]:
    """Runs of at least four data packets one way, unbroken by time or the other's data."""
    runs: list[list[Packet]] = []
    current: list[Packet] = []
    for packet in packets:
        if not packet.payload:
            continue
        if packet.forward != forward:
            runs.append(current)
            current = []
        elif current and packet.time_ns - current[-1].time_ns > 1_000_000_000:
            runs.append(current)
            current = [packet]
        else:
            current = [*current, packet]
    return [run for run in [*runs, current] if len(run) >= 4]


def columns(packets: list[Packet]) -> dict[str, float]:
    out: dict[str, float] = {}
    sides = {
        "Fwd": [p for p in packets if p.forward],
        "Bwd": [p for p in packets if not p.forward],
    }
    sizes = [float(p.payload) for p in packets]
    duration = (packets[-1].time_ns - packets[0].time_ns) / 1000
    seconds = duration / 1e6
    active, idle = active_and_idle(packets)
    subflows = 1 + sum(gap > 1_000_000 for gap in gaps(packets))
    out["Flow Duration"] = duration
    out["Total Fwd Packet"] = len(sides["Fwd"])
    out["Total Bwd packets"] = len(sides["Bwd"])
    for name, values in (
        ("Packet Length", sizes),
        ("Flow IAT", gaps(packets)),
        ("Active", active),
        ("Idle", idle),
        *(
            (f"{way} Packet Length", [float(p.payload) for p in sides[way]])
            for way in sides
        ),
        *((f"{way} IAT", gaps(sides[way])) for way in sides),
    ):
        out[f"{name} Max"] = max(values, default=0)
        out[f"{name} Min"] = min(values, default=0)
        out[f"{name} Mean"] = mean(values)
        out[f"{name} Std"] = deviation(values)
    out["Packet Length Variance"] = deviation(sizes) ** 2
    out["Flow Bytes/s"] = sum(sizes) / seconds if seconds else 0
    out["Flow Packets/s"] = len(packets) / seconds if seconds else 0
    out["Average Packet Size"] = mean(sizes)
    out["Down/Up Ratio"] = len(sides["Bwd"]) / len(sides["Fwd"]) if sides["Fwd"] else 0
    for bit, flag in enumerate(FLAGS):
        out[f"{flag} Flag Count"] = sum(p.flags >> bit & 1 for p in packets)
    for way, some in sides.items():
        payload = sum(p.payload for p in some)
        out[f"Total Length of {way} Packet"] = payload
        out[f"{way} IAT Total"] = sum(gaps(some))
        out[f"{way} PSH Flags"] = sum(p.flags >> 3 & 1 for p in some)
        out[f"{way} URG Flags"] = sum(p.flags >> 5 & 1 for p in some)
        out[f"{way} Header Length"] = sum(p.header for p in some)
        out[f"{way} Packets/s"] = len(some) / seconds if seconds else 0
        out[f"{way} Segment Size Avg"] = payload / len(some) if some else 0
        out[f"Subflow {way} Packets"] = len(some) / subflows
        out[f"Subflow {way} Bytes"] = payload / subflows
        runs = bulks(packets, way == "Fwd")
        size = sum(p.payload for run in runs for p in run)
        spent = sum(run[-1].time_ns - run[0].time_ns for run in runs) / 1e9
        out[f"{way} Bytes/Bulk Avg"] = size / len(runs) if runs else 0
        out[f"{way} Packet/Bulk Avg"] = sum(map(len, runs)) / len(runs) if runs else 0
        out[f"{way} Bulk Rate Avg"] = size / spent if spent else 0
    out["FWD Init Win Bytes"] = sides["Fwd"][0].window if sides["Fwd"] else 0
    out["Bwd Init Win Bytes"] = sides["Bwd"][0].window if sides["Bwd"] else 0
    out["Fwd Act Data Pkts"] = sum(p.payload > 0 for p in sides["Fwd"])
    out["Fwd Seg Size Min"] = min((p.header for p in sides["Fwd"]), default=0)
    return out
