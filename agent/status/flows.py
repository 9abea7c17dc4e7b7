"""Live flows for people: filtered, sorted and cut on arrays, then told row by row."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.records import CLASS_NAMES, Array
from agent.reports import ClassShare, RegulatorState
from agent.status.snapshot import Snapshot

LIMIT_MAX: Final = 10_000
"""Rows of one answer: 3 MB of JSON, a few tenths of a second of work."""

PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_NUMBERS: Final = {name: number for number, name in PROTOCOLS.items()}
SORTS: Final = ("bytes", "packets", "start", "last_seen", "duration")

Mask = npt.NDArray[np.bool_]


class BadQuery(Exception):
    """A query that cannot be: one line for its sender."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which flows are asked for; empty fields do not filter."""

    limit: int = 100
    sort: str = "bytes"
    interface: str = ""
    traffic_type: str = ""
    protocol: str = ""
    address: str = ""  # of either end, or a range
    port: int | None = None  # of either end


def parse(fields: Mapping[str, str]) -> Query:
    """Return the query that URL parameters ask for. Raises BadQuery."""
    known = Query.__slots__
    for name in fields:
        if name not in known:
            raise BadQuery(f"{name[:40]}: unknown: use {', '.join(known)}")
    query = Query(
        _number(fields, "limit", 1, LIMIT_MAX, 100),
        fields.get("sort", "bytes"),
        fields.get("interface", ""),
        fields.get("traffic_type", ""),
        fields.get("protocol", "").lower(),
        fields.get("address", ""),
        _number(fields, "port", 0, 65535, None),
    )
    if query.sort not in SORTS:
        raise BadQuery(f"sort: must be one of {', '.join(SORTS)}")
    if query.traffic_type and query.traffic_type not in CLASS_NAMES:
        raise BadQuery(f"traffic_type: must be one of {', '.join(CLASS_NAMES)}")
    if query.protocol not in ("", *_NUMBERS) and not (
        query.protocol.isascii() and query.protocol.isdecimal() and len(query.protocol) <= 3
    ):
        raise BadQuery(f"protocol: must be a number or one of {', '.join(_NUMBERS)}")
    _network(query.address)
    return query


def select(snapshot: Snapshot, query: Query) -> tuple[int, list[dict[str, Any]]]:
    """Return how many flows match, and the first of them in order."""
    flows = snapshot.flows
    rows = np.flatnonzero(_matching(snapshot, query))
    order = _key(flows, query.sort)[rows]
    matched = len(rows)
    if matched > query.limit:
        chosen = np.argpartition(order, matched - query.limit)[-query.limit :]
        rows, order = rows[chosen], order[chosen]
    rows = rows[np.argsort(order, kind="stable")[::-1]]
    names = {item.slot: item.name for item in snapshot.interfaces}
    shares = shares_of(snapshot.regulator)
    told = [_row(flow, names) for flow in flows[rows]]
    for row in told:
        share = shares.get((row["interface"], row["traffic_type"]))
        row["allocated_bandwidth_mbps"] = share.rate_bps / 1e6 if share else None
        row["ceiling_mbps"] = share.ceiling_bps / 1e6 if share else None
    return matched, told


def shares_of(regulator: RegulatorState) -> dict[tuple[str, str], ClassShare]:
    """Return what classes have, by interface and class; what leaves comes first."""
    return {
        (lane.device, name): share
        for lane in sorted(regulator.lanes, key=lambda lane: lane.way == "egress")
        for name, share in lane.shares.items()
    }


def _key(flows: Array, sort: str) -> npt.NDArray[np.uint64]:
    keys: npt.NDArray[np.uint64] = flows["first_ns" if sort == "start" else "last_ns"]
    if sort in ("bytes", "packets"):
        keys = flows["total_" + sort].sum(axis=1)
    if sort == "duration":
        keys = flows["last_ns"] - flows["first_ns"]
    return keys


def _matching(snapshot: Snapshot, query: Query) -> Mask:
    flows = snapshot.flows
    mask = np.ones(len(flows), np.bool_)
    if query.interface:
        slots = [i.slot for i in snapshot.interfaces if i.name == query.interface]
        mask &= np.isin(flows["slot"], slots)
    if query.traffic_type:
        mask &= flows["class"] == CLASS_NAMES.index(query.traffic_type)
    if query.protocol:
        mask &= flows["protocol"] == _protocol(query.protocol)
    if query.port is not None:
        mask &= (flows["source_port"] == query.port) | (
            flows["destination_port"] == query.port
        )
    if query.address:
        network, ones = _network(query.address)
        mask &= _inside(flows["source"], network, ones) | _inside(
            flows["destination"], network, ones
        )
    return mask


def _inside(
    addresses: npt.NDArray[np.uint8],
    network: npt.NDArray[np.uint8],
    ones: npt.NDArray[np.uint8],
) -> Mask:
    same: Mask = ((addresses & ones) == network).all(axis=1)
    return same


def _network(text: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return address and mask, each of 16 bytes, IPv4 mapped. Raises BadQuery."""
    try:
        network = ipaddress.ip_network(text or "::/0", strict=False)
    except ValueError:
        raise BadQuery("address: must be an address or a range like 10.0.0.0/8") from None
    mapped = network.version == 4
    prefix = network.prefixlen + (96 if mapped else 0)
    ones = ((1 << prefix) - 1) << (128 - prefix)
    address = int(network.network_address) | (0xFFFF << 32 if mapped else 0)
    return (
        np.frombuffer(address.to_bytes(16, "big"), np.uint8),
        np.frombuffer(ones.to_bytes(16, "big"), np.uint8),
    )


def _row(flow: np.void, names: Mapping[int, str]) -> dict[str, Any]:
    packets, octets = flow["total_packets"].tolist(), flow["total_bytes"].tolist()
    return {
        "id": f"{int(flow['id']):016x}",
        "interface": names.get(int(flow["slot"]), ""),
        "source_ip": _address(flow["source"]),
        "source_port": int(flow["source_port"]),
        "destination_ip": _address(flow["destination"]),
        "destination_port": int(flow["destination_port"]),
        "protocol": PROTOCOLS.get(int(flow["protocol"]), str(flow["protocol"])),
        "traffic_type": CLASS_NAMES[int(flow["class"])],
        "dscp": int(flow["dscp"]),
        "vlan": int(flow["vlan"]),
        "packet_count": sum(packets),
        "byte_count": sum(octets),
        "packets": {"forward": packets[0], "backward": packets[1]},
        "bytes": {"forward": octets[0], "backward": octets[1]},
        "retransmits": int(flow["retransmits"].sum()),
        "rtt_ms": int(flow["rtt_ns"]) / 1e6 or None,
        "start_time": int(flow["first_ns"]) / 1e9,
        "last_seen": int(flow["last_ns"]) / 1e9,
    }


def _protocol(text: str) -> int:
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _address(octets: npt.NDArray[np.uint8]) -> str:
    address = ipaddress.IPv6Address(octets.tobytes())
    return str(address.ipv4_mapped or address)


def _number(fields: Mapping[str, str], name: str, low: int, high: int, default: Any) -> Any:
    text = fields.get(name)
    if text is None:
        return default
    if not (
        text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high
    ):
        raise BadQuery(f"{name}: must be a whole number between {low} and {high}")
    return int(text)
