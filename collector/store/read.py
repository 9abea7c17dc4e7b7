"""Answers of the data store: queries run, sketches merged, shaped as the API gives them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from collector.records import CLASS_NAMES, OUTCOMES, UNITS
from collector.store import merge, queries
from collector.store.store import Store

Span = tuple[int, int]
Row = dict[str, Any]

IMAGES_MAX: Final = 200_000
"""Images merged for one answer, about eight seconds' work; beyond it the newest win."""
PORTION_MAX: Final = 20_000
"""Images fetched at once: about 30 MB."""


class Reader:
    """Every question that the API asks the data store; blocking, for the reader threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _ask(self, query: queries.Query) -> list[Row]:
        return self._store.query(*query)

    def totals(
        self, span: Span, step_ms: int, group: str, filters: Mapping[str, Any]
    ) -> Row:
        """Return series of frames, packets and bytes by time, one a member of the group."""
        rows = self._ask(queries.totals(span, step_ms, group, filters))
        buckets = sorted({row["bucket"] for row in rows})
        places = {bucket: place for place, bucket in enumerate(buckets)}
        series: dict[str, Row] = {}
        for row in rows:
            one = series.setdefault(
                row["name"],
                {"name": row["name"], **{unit: [0] * len(buckets) for unit in UNITS}},
            )
            for unit in UNITS:
                one[unit][places[row["bucket"]]] = row[unit]
        for one in series.values():
            one["total"] = {unit: sum(one[unit]) for unit in UNITS}
        return {
            "times": [bucket * step_ms / 1000 for bucket in buckets],
            "series": sorted(series.values(), key=lambda one: -one["total"]["bytes"]),
            "total": {
                unit: sum(one["total"][unit] for one in series.values()) for unit in UNITS
            },
        }

    def conservation(self, span: Span, filters: Mapping[str, Any]) -> list[Row]:
        """Return what became of everything seen, by agent, interface and direction."""
        return [
            {
                **{name: row[name] for name in ("agent", "interface", "direction")},
                **{
                    outcome: {unit: row[f"{outcome}_{unit}"] for unit in UNITS}
                    for outcome in OUTCOMES
                },
            }
            for row in self._ask(queries.conservation(span, filters))
        ]

    def endpoints(
        self, span: Span, agents: Sequence[str], sort: str, limit: int, endpoint: str = ""
    ) -> list[Row]:
        """Return endpoints: counters summed, sketches merged over span and agents."""
        rows = self._ask(queries.endpoints(span, agents, sort, limit, endpoint))
        merged: dict[str, merge.Merged] = {}
        for names, most in portions({row["endpoint_id"]: row["sketches"] for row in rows}):
            merged |= self._merged(span, agents, names, most)
        return [shape_endpoint(row, merged.get(row["endpoint_id"])) for row in rows]

    def _merged(
        self, span: Span, agents: Sequence[str], names: Sequence[str], most: int
    ) -> dict[str, merge.Merged]:
        """Return each endpoint's merged sketches, of at most so many images together."""
        merged: dict[str, merge.Merged] = {}
        for row in self._ask(queries.images(span, agents, names, most)):
            one = merged.setdefault(row["endpoint_id"], merge.Merged())
            one.add(base64.b64decode(row["image"]), row)
        return merged

    def endpoint(self, span: Span, step_ms: int, name: str) -> Row | None:
        """Return one endpoint with its timeline and distributions, or None."""
        found = self.endpoints(span, (), "bytes", 1, name)
        if not found:
            return None
        rows = self._ask(queries.endpoint_timeline(span, step_ms, name))
        found[0]["timeline"] = {
            "times": [row["bucket"] * step_ms / 1000 for row in rows],
            **{
                column: [row[column] for row in rows]
                for column in ("bytes_in", "bytes_out")
            },
            "flows": [row["flows"] for row in rows],
        }
        merged = self._merged(span, (), [name], IMAGES_MAX)
        if name in merged:
            found[0]["distributions"] = merged[name].distributions()
        return found[0]

    def flows(
        self, span: Span, filters: Mapping[str, tuple[str, Any]],
        either: Mapping[str, Any], sort: str, limit: int,
    ) -> list[Row]:  # fmt: skip
        """Return heavy flows, summed over the span."""
        return [
            shape_flow(row)
            for row in self._ask(queries.flows(span, filters, either, sort, limit))
        ]

    def quantiles(self, span: Span, agents: Sequence[str], name: str) -> Row | None:
        """Return quantiles of a named distribution, merged, or None without data."""
        rows = self._ask(queries.quantile_images(span, agents, name, IMAGES_MAX))
        return merge.quantiles(base64.b64decode(row["image"]) for row in rows)

    def sketches(self, agent: str, limit: int) -> Row:
        """Return the newest sketches' estimates in the shape that older clients know."""
        rows = self._ask(queries.sketches(agent, limit))
        return {
            "count": len(rows),
            "switches": sorted({row["switch_id"] for row in rows}),
            "sketches": rows,
        }

    def sketch_stats(self) -> Row:
        """Return counts of sketches, flows and endpoints, overall and by agent."""
        rows = self._ask(queries.sketch_stats())
        return {
            "total_sketches": sum(row["sketches"] for row in rows),
            "total_flows": sum(row["flows"] for row in rows),
            "total_switches": len(rows),
            "unique_endpoints": self._ask(queries.unique_endpoints())[0]["endpoints"],
            "latest_flow": max((row["latest_flow"] for row in rows), default=0),
            "switches_detail": {row.pop("agent"): row for row in rows},
        }

    def batches(self, span: Span, agents: Sequence[str], limit: int) -> list[Row]:
        """Return the accepted batches in order."""
        return self._ask(queries.batches(span, agents, limit))


def portions(counts: Mapping[str, int]) -> Iterator[tuple[list[str], int]]:
    """Yield endpoints to merge together, and how many images to fetch for them at most."""
    names: list[str] = []
    left, size = IMAGES_MAX, 0
    for name, count in counts.items():
        if names and size + count > PORTION_MAX:
            yield names, min(size, left)
            left, names, size = left - min(size, left), [], 0
            if not left:
                return
        names.append(name)
        size += count
    if names:
        yield names, min(size, left)


def shape_endpoint(row: Row, merged: merge.Merged | None) -> Row:
    """Return an endpoint as the API gives it: sums, merged estimates, derived values."""
    classes = dict(zip(CLASS_NAMES, row.pop("class_bytes"), strict=False))
    estimates = merged.estimates() if merged else merge.NO_ESTIMATES
    hours = row["active_hours"]
    total = row["bytes_in"] + row["bytes_out"]
    ratio = row["bytes_in"] / total if total else 0.5
    return {
        **row,
        **estimates,
        "sketches_merged": merged.count if merged else 0,
        "agents": sorted(row["agents"]),
        "class_bytes": classes,
        "active_hours": [hour for hour in range(24) if hours >> hour & 1],
        "in_out_ratio": round(ratio, 6),
        "likely_server": ratio > 0.6 and estimates["unique_peers"] < 100,
        "business_hours": is_business(hours),
    }


def is_business(hours: int) -> bool:
    """Tell whether more than 80 % of the active hours lie within 8 to 17 o'clock."""
    active = [hour for hour in range(24) if hours >> hour & 1]
    return bool(active) and sum(8 <= hour <= 17 for hour in active) > 0.8 * len(active)


def shape_flow(row: Row) -> Row:
    """Return a flow as the API gives it: plain addresses, seconds and milliseconds."""
    for end in ("source", "destination"):
        address = ipaddress.IPv6Address(row[end])
        row[end] = str(address.ipv4_mapped or address)
    row["first_seen"] = row.pop("first_ns") / 1e9
    row["last_seen"] = row.pop("last_ns") / 1e9
    rtt_ns = row.pop("rtt_ns")
    row["rtt_ms"] = rtt_ns / 1e6 if rtt_ns else None
    row["packets"] = row["packets_forward"] + row["packets_backward"]
    row["bytes"] = row["bytes_forward"] + row["bytes_backward"]
    return row
