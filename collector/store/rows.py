"""Batches to rows: what one interval of one agent adds to every table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
import numpy as np

from collector.records import (
    CLASS_NAMES,
    DIRECTIONS,
    OUTCOMES,
    UNITS,
    Accepted,
    Arrival,
    BatchId,
    Rows,
    Sighting,
)  # fmt: skip
from collector.store import merge
from wire.batch import Batch
from wire.schema import ENDPOINT_FIELDS

DAY_NS: Final = 86_400 * 1_000_000_000
TOO_OLD_NS: Final = 7 * DAY_NS
TOO_NEW_NS: Final = DAY_NS // 24
"""A clock further off than this is wrong, not slow: no spool holds a week."""


def accepted(
    batch: Batch, estimates: Mapping[str, list[float]], arrival: Arrival
) -> Accepted:
    """Return a batch's identity and rows. Raises Refused where a sketch is none."""
    shift_ns = restamp(batch, arrival.received_ns)
    start_ms = (batch.start_ns + shift_ns) // 1_000_000
    end_ms = (batch.end_ns + shift_ns) // 1_000_000
    found = (
        ("class_totals", columns_of(class_rows(batch))),
        ("interface_totals", columns_of(interface_rows(batch))),
        ("sketches", sketch_columns(batch, estimates, arrival, shift_ns)),
        ("flows", flow_columns(batch, shift_ns)),
        ("batches", columns_of([batch_row(batch, arrival)])),
    )
    return Accepted(
        id=BatchId(batch.agent, batch.boot, batch.sequence),
        arrival=arrival,
        rows=tuple(
            rows_of(table, columns, batch.agent, start_ms, end_ms)
            for table, columns in found
        ),
        sighting=sighting(batch, arrival),
        endpoint_ids=batch.endpoints.ids,
    )


def restamp(batch: Batch, received_ns: int) -> int:
    """Return what to add to a batch's times: 0, unless its clock is plainly wrong.

    A router without a battery starts in 1970. Its interval then ends when it was received;
    otherwise one such batch would open a partition that nobody looks for.
    """
    age_ns = received_ns - batch.end_ns
    is_plausible = -TOO_NEW_NS <= age_ns <= TOO_OLD_NS
    is_long = batch.end_ns - batch.start_ns > DAY_NS
    return 0 if is_plausible and not is_long else age_ns


def rows_of(
    table: str, columns: Mapping[str, Any], agent: str, start_ms: int, end_ms: int
) -> Rows:
    """Return a table's rows with the columns that all of a batch's rows share."""
    count = len(next(iter(columns.values()))) if columns else 0
    interval: dict[str, Any] = {
        "agent": [agent] * count,
        "start": np.full(count, max(0, start_ms, end_ms - 86_400_000), "<i8"),
        "end": np.full(count, end_ms, "<i8"),
    }
    return Rows(table, {**interval, **columns}, count)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows with the same keys into columns."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def directions(batch: Batch) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every direction of every interface, and the columns that name it."""
    for interface in batch.interfaces:
        for name in DIRECTIONS:
            yield {"interface": interface.name, "direction": name}, getattr(interface, name)


def class_rows(batch: Batch) -> list[dict[str, Any]]:
    """Return one row a class that had traffic."""
    return [
        {**names, "class": name, **volume._asdict()}
        for names, direction in directions(batch)
        for name, volume in direction.classes.items()
        if any(volume)
    ]


def interface_rows(batch: Batch) -> list[dict[str, Any]]:
    """Return one row an interface and direction: what became of everything seen."""
    return [
        {
            **names,
            **{
                f"{outcome}_{unit}": getattr(getattr(direction, outcome), unit)
                for outcome in OUTCOMES
                for unit in UNITS
            },
        }
        for names, direction in directions(batch)
    ]


def sketch_columns(
    batch: Batch, estimates: Mapping[str, list[float]], arrival: Arrival, shift_ns: int
) -> dict[str, Any]:
    """Return the endpoints' columns; all sketches of one are one image."""
    endpoints = batch.endpoints
    count = len(endpoints.ids)
    columns: dict[str, Any] = {
        field.name: endpoints.totals[field.name] for field in ENDPOINT_FIELDS
    }
    columns["class_bytes"] = endpoints.totals["class_bytes"].tolist()
    for name in ("first_seen", "last_seen"):
        columns[name] = shifted(columns[name], shift_ns // 1_000_000_000)
    for name in merge.DISTINCT:
        if name in estimates or arrival.form != "msgpack":
            columns[name] = estimates.get(name, [0.0] * count)
        else:
            columns[name] = [merge.distinct(image) for image in endpoints.sketches[name]]
    names = [name for name in endpoints.sketches if arrival.form == "msgpack"]
    columns["sketch_data"] = [
        msgpack.packb(
            {name: image for name, image in zip(names, images, strict=True) if image}
        )
        for images in zip(*(endpoints.sketches[name] for name in names), strict=True)
    ] or [b""] * count
    columns["endpoint_id"] = list(endpoints.ids)
    columns["received"] = np.full(count, arrival.received_ns // 1_000_000, "<i8")
    columns["form"] = [arrival.form] * count
    return columns


def shifted(times: Any, shift: int) -> Any:
    """Return times moved by a whole number, never below 0."""
    if not shift:
        return times
    return np.clip(times.astype("f8") + shift, 0, 2**62).astype("<u8")


def flow_columns(batch: Batch, shift_ns: int) -> dict[str, Any]:
    """Return the heavy flows' columns; an unknown interface has no name."""
    flows = batch.flows
    interfaces = [interface.name for interface in batch.interfaces]
    columns: dict[str, Any] = {name: flows[name] for name in flows.dtype.names or ()}
    for name in ("source", "destination"):
        columns[name] = [row.tobytes() for row in flows[name]]
    columns["interface"] = [
        interfaces[number] if number < len(interfaces) else ""
        for number in flows["interface"].tolist()
    ]
    columns["class"] = [
        CLASS_NAMES[number] if number < len(CLASS_NAMES) else CLASS_NAMES[0]
        for number in flows["class"].tolist()
    ]
    for name in ("first_ns", "last_ns"):
        columns[name] = shifted(flows[name], shift_ns)
    return columns


def batch_row(batch: Batch, arrival: Arrival) -> dict[str, Any]:
    """Return the batch's own row: identity, sizes, health, distributions."""
    return {
        "received": arrival.received_ns // 1_000_000,
        "boot": batch.boot,
        "sequence": batch.sequence,
        "form": arrival.form,
        "version": batch.agent_version,
        "hostname": batch.hostname,
        "size_bytes": len(arrival.body),
        "endpoints": len(batch.endpoints.ids),
        "flows": len(batch.flows),
        "health": json.dumps(dict(batch.health)),
        "quantile_names": list(batch.quantiles),
        "quantile_images": list(batch.quantiles.values()),
    }


def sighting(batch: Batch, arrival: Arrival) -> Sighting:
    """Return what the registry keeps of a batch."""
    names = ("name", "mac", "mtu", "speed_bps", "addresses", "is_up", "rx_mode", "tx_mode")
    return Sighting(
        agent=batch.agent,
        received_ns=arrival.received_ns,
        end_ns=min(batch.end_ns, 2**63 - 1),
        sent_ns=min(arrival.sent_ns, 2**63 - 1),
        version=batch.agent_version,
        hostname=batch.hostname,
        boot=batch.boot,
        sequence=min(batch.sequence, 2**63 - 1),
        interfaces=tuple(
            {
                name: bounded(value)
                for name, value in dataclasses.asdict(interface).items()
                if name in names
            }
            for interface in batch.interfaces
        ),
        health=batch.health,
        size_bytes=len(arrival.body),
    )


def bounded(value: Any) -> Any:
    """Return a value that SQLite can hold: its whole numbers end at 2^63."""
    return min(value, 2**63 - 1) if type(value) is int else value
