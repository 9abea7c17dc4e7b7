"""Endpoints as estimates: the JSON form of a batch. Readable, not mergeable."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from wire import messages
from wire.batch import MAX_ENDPOINTS, Batch, Endpoints
from wire.errors import Malformed
from wire.sketches import Distinct

MAX_JSON: Final = 16 << 20
"""Bytes of one JSON body: 2 KiB for each of MAX_ENDPOINTS."""

_COUNTS: Final = (
    "unique_peers", "unique_ports", "bytes_in", "bytes_out", "flow_count", "first_seen",
    "last_seen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """One endpoint: counts, unix seconds, a 24-bit mask of hours; cluster -1: none."""

    endpoint_id: str
    switch_id: str
    unique_peers: int
    unique_ports: int
    bytes_in: int
    bytes_out: int
    flow_count: int
    first_seen: int
    last_seen: int
    active_hours: int
    local_cluster_id: int = -1


@dataclass(frozen=True, slots=True)
class Report:
    """What one switch says of its endpoints at a time, unix seconds."""

    switch_id: str
    timestamp: int
    sketches: tuple[Estimate, ...]


def estimates_of(endpoints: Endpoints, switch_id: str) -> tuple[Estimate, ...]:
    """Return an estimate for each endpoint. Raises Malformed where an image is none."""
    peers, ports = endpoints.sketches["unique_peers"], endpoints.sketches["unique_ports"]
    return tuple(
        Estimate(
            endpoint_id=name,
            switch_id=switch_id,
            unique_peers=round(Distinct.from_bytes(peers[row]).estimate),
            unique_ports=round(Distinct.from_bytes(ports[row]).estimate),
            bytes_in=int(totals["bytes_in"]),
            bytes_out=int(totals["bytes_out"]),
            flow_count=int(totals["flow_count"]),
            first_seen=int(totals["first_seen"]),
            last_seen=int(totals["last_seen"]),
            active_hours=int(totals["active_hours"]),
        )
        for row, (name, totals) in enumerate(
            zip(endpoints.ids, endpoints.totals, strict=True)
        )
    )


def report_of(batch: Batch) -> Report:
    """Return the estimates of a batch. Raises Malformed where an image is none."""
    timestamp = batch.end_ns // 1_000_000_000
    return Report(batch.agent, timestamp, estimates_of(batch.endpoints, batch.agent))


def to_json(report: Report) -> bytes:
    """Return the body of POST /api/edge/sketches."""
    message = asdict(report) | {"sketch_count": len(report.sketches)}
    return json.dumps(message, separators=(",", ":")).encode()


def from_json(data: bytes) -> Report:
    """Return the report in a body; Malformed if it is none or its count is wrong."""
    message = messages.as_mapping(load_json(data, MAX_JSON), "the body")
    switch_id = _name(message, "switch_id")
    items = messages.sequence(message, "sketches", MAX_ENDPOINTS)
    if messages.whole(message, "sketch_count") != len(items):
        raise Malformed("sketch_count is not the number of sketches")
    rows = tuple(
        estimate_of(messages.as_mapping(item, "a sketch"), switch_id) for item in items
    )
    return Report(switch_id, _count(message, "timestamp"), rows)


def estimate_of(message: Mapping[str, Any], switch_id: str = "") -> Estimate:
    """Return the estimate in a map; switch_id stands in where the map has none."""
    cluster = message.get("local_cluster_id", -1)
    if not isinstance(cluster, int) or isinstance(cluster, bool) or abs(cluster) >= 1 << 31:
        raise Malformed("local_cluster_id is not a whole number")
    return Estimate(
        endpoint_id=_name(message, "endpoint_id"),
        switch_id=_name(message, "switch_id") if "switch_id" in message else switch_id,
        **{name: _count(message, name) for name in _COUNTS},
        active_hours=_hours(message.get("active_hours")),
        local_cluster_id=cluster,
    )


def load_json(data: bytes, limit: int) -> Any:
    """Return the JSON value in at most limit bytes, or raise Malformed."""
    if len(data) > limit:
        raise Malformed(f"JSON of {len(data)} bytes, at most {limit} are read")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {str(error) or type(error).__name__}") from None


def _name(message: Mapping[str, Any], key: str) -> str:
    value = messages.text(message, key)
    if not value or len(value) > messages.MAX_TEXT or not value.isprintable():
        raise Malformed(f"{key} is empty, too long or not printable")
    return value


def _count(message: Mapping[str, Any], key: str) -> int:
    """Return a count; older senders write some as decimal fractions."""
    value = message.get(key)
    if isinstance(value, float) and math.isfinite(value):
        value = round(value)
    return messages.whole({key: value}, key)


def _hours(value: object) -> int:
    """Return the mask, from a mask or from a list of hours."""
    if isinstance(value, list) and all(
        isinstance(hour, int) and not isinstance(hour, bool) and 0 <= hour < 24
        for hour in value
    ):
        return sum(1 << hour for hour in set(value))
    return messages.whole({"active_hours": value}, "active_hours", (1 << 24) - 1)
