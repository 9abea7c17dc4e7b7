"""The one SQL dialect: each function returns a SELECT and its parameters.

User input travels as {name:Type} parameters only; what is put into the text comes from the
fixed words of this module. {db} stands for the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.records import OUTCOMES, UNITS

Query = tuple[str, dict[str, Any]]

WITHIN: Final = (
    "t.start >= fromUnixTimestamp64Milli({start_ms:Int64}) "
    "AND t.start < fromUnixTimestamp64Milli({end_ms:Int64})"
)
"""t is the table in every query: without it, ClickHouse takes an alias for its column."""
UNIT_SUMS: Final = "sum(frames) AS frames, sum(packets) AS packets, sum(bytes) AS bytes"
GROUPS: Final = {
    "class": "class",
    "interface": "interface",
    "agent": "agent",
    "direction": "direction",
    "": "''",
}
ENDPOINT_SORTS: Final = {
    "bytes": "bytes_in + bytes_out",
    "bytes_in": "bytes_in",
    "bytes_out": "bytes_out",
    "packets": "packets_in + packets_out",
    "flows": "flow_count",
    "last_seen": "last_seen",
}
FLOW_SORTS: Final = {
    "bytes": "bytes_forward + bytes_backward",
    "packets": "packets_forward + packets_backward",
    "last_seen": "last_ns",
    "retransmits": "retransmits",
}


def where(span: tuple[int, int], filters: Mapping[str, tuple[str, Any]]) -> Query:
    """Return a WHERE clause: the span, and column = value for every filter that is set.

    filters: column → (SQL type, value); a list means IN, None or empty means no filter.
    """
    clauses = [WITHIN]
    values: dict[str, Any] = {"start_ms": span[0], "end_ms": span[1]}
    for column, (sql_type, value) in filters.items():
        if value in (None, "", []):
            continue
        name = f"is_{column}"
        values[name] = value
        if isinstance(value, list):
            clauses.append(f"t.{column} IN {{{name}:Array({sql_type})}}")
        else:
            clauses.append(f"t.{column} = {{{name}:{sql_type}}}")
    return "WHERE " + " AND ".join(clauses), values


def totals(
    span: tuple[int, int], step_ms: int, group: str, filters: Mapping[str, Any]
) -> Query:
    """Sum frames, packets and bytes by time bucket and by one column."""
    clause, values = where(span, text_filters(filters))
    values |= {"step_ms": step_ms}
    return (
        f"SELECT intDiv(toUnixTimestamp64Milli(start), {{step_ms:Int64}}) AS bucket, "
        f"{GROUPS[group]} AS name, {UNIT_SUMS} FROM {{db}}.class_totals AS t {clause} "
        "GROUP BY bucket, name ORDER BY bucket, name LIMIT 200000",
        values,
    )


def text_filters(filters: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return filters on text columns in the form that where() takes."""
    return {column: ("String", value) for column, value in filters.items()}


def conservation(span: tuple[int, int], filters: Mapping[str, Any]) -> Query:
    """Sum the outcomes of every agent, interface and direction."""
    clause, values = where(span, text_filters(filters))
    sums = ", ".join(
        f"sum({outcome}_{unit}) AS {outcome}_{unit}"
        for outcome in OUTCOMES
        for unit in UNITS
    )
    return (
        f"SELECT agent, interface, direction, {sums} "
        f"FROM {{db}}.interface_totals AS t {clause} GROUP BY agent, interface, direction "
        "ORDER BY agent, interface, direction LIMIT 10000",
        values,
    )


def endpoints(
    span: tuple[int, int], agents: Sequence[str], sort: str, limit: int, endpoint: str = ""
) -> Query:
    """Sum each endpoint's counters; greatest first."""
    filters = {"agent": ("String", list(agents)), "endpoint_id": ("String", endpoint)}
    clause, values = where(span, filters)
    values |= {"limit": limit}
    return (
        "SELECT endpoint_id, groupUniqArray(100)(agent) AS agents, "
        "sum(t.bytes_in) AS bytes_in, sum(t.bytes_out) AS bytes_out, "
        "sum(t.packets_in) AS packets_in, sum(t.packets_out) AS packets_out, "
        "sum(t.flow_count) AS flow_count, min(t.first_seen) AS first_seen, "
        "max(t.last_seen) AS last_seen, groupBitOr(t.active_hours) AS active_hours, "
        "sumForEach(t.class_bytes) AS class_bytes, count() AS sketches "
        f"FROM {{db}}.sketches AS t {clause} GROUP BY endpoint_id "
        f"ORDER BY {ENDPOINT_SORTS[sort]} DESC, endpoint_id LIMIT {{limit:UInt32}}",
        values,
    )


def images(
    span: tuple[int, int], agents: Sequence[str], ids: Sequence[str], limit: int
) -> Query:
    """Return the serialised sketches of some endpoints, newest first, base64."""
    filters = {"agent": ("String", list(agents)), "endpoint_id": ("String", list(ids))}
    clause, values = where(span, filters)
    values |= {"limit": limit}
    return (
        "SELECT endpoint_id, base64Encode(sketch_data) AS image, "
        "unique_peers, unique_ports, unique_services "
        f"FROM {{db}}.sketches AS t {clause} ORDER BY start DESC LIMIT {{limit:UInt32}}",
        values,
    )


def endpoint_timeline(span: tuple[int, int], step_ms: int, endpoint: str) -> Query:
    """Sum one endpoint's bytes and flows by time bucket."""
    clause, values = where(span, {"endpoint_id": ("String", endpoint)})
    values |= {"step_ms": step_ms}
    return (
        "SELECT intDiv(toUnixTimestamp64Milli(start), {step_ms:Int64}) AS bucket, "
        "sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out, sum(flow_count) AS flows "
        f"FROM {{db}}.sketches AS t {clause} GROUP BY bucket ORDER BY bucket LIMIT 10000",
        values,
    )


def flows(
    span: tuple[int, int], filters: Mapping[str, tuple[str, Any]],
    either: Mapping[str, Any], sort: str, limit: int,
) -> Query:  # fmt: skip
    """Sum heavy flows by their key; `either` holds an address or port of either end."""
    clause, values = where(span, filters)
    if either.get("address"):
        clause += " AND (t.source = {address:IPv6} OR t.destination = {address:IPv6})"
        values["address"] = either["address"]
    if either.get("port") is not None:
        clause += (
            " AND (t.source_port = {port:UInt16} OR t.destination_port = {port:UInt16})"
        )
        values["port"] = either["port"]
    values |= {"limit": limit}
    return (
        "SELECT agent, interface, IPv6NumToString(t.source) AS source, "
        "IPv6NumToString(t.destination) AS destination, source_port, destination_port, "
        "protocol, any(family) AS family, argMax(t.class, t.last_ns) AS class, "
        "argMax(t.dscp, t.last_ns) AS dscp, any(t.vlan) AS vlan, "
        "sum(t.packets_forward) AS packets_forward, "
        "sum(t.packets_backward) AS packets_backward, "
        "sum(t.bytes_forward) AS bytes_forward, sum(t.bytes_backward) AS bytes_backward, "
        "min(t.first_ns) AS first_ns, max(t.last_ns) AS last_ns, "
        "max(t.rtt_ns) AS rtt_ns, max(t.retransmits) AS retransmits, count() AS intervals "
        f"FROM {{db}}.flows AS t {clause} GROUP BY agent, interface, t.source, "
        "t.destination, source_port, destination_port, protocol "
        f"ORDER BY {FLOW_SORTS[sort]} DESC, source, source_port LIMIT {{limit:UInt32}}",
        values,
    )


def sketches(agent: str, limit: int) -> Query:
    """Return the newest sketches' estimates."""
    clause, values = where((0, 4102444800000), {"agent": ("String", agent)})
    values |= {"limit": limit}
    return (
        "SELECT endpoint_id, agent AS switch_id, unique_peers, unique_ports, "
        "unique_services, bytes_in, bytes_out, packets_in, packets_out, flow_count, "
        "first_seen, last_seen, active_hours, version, "
        "toUnixTimestamp64Milli(received) / 1000 AS received_at "
        f"FROM {{db}}.sketches AS t {clause} ORDER BY start DESC LIMIT {{limit:UInt32}}",
        values,
    )


def sketch_stats() -> Query:
    """Return counts of sketches and flows, by agent."""
    return (
        "SELECT agent, count() AS sketches, sum(flow_count) AS flows, "
        "uniqExact(endpoint_id) AS endpoints, max(last_seen) AS latest_flow "
        "FROM {db}.sketches GROUP BY agent ORDER BY agent LIMIT 10000",
        {},
    )


def quantile_images(
    span: tuple[int, int], agents: Sequence[str], name: str, limit: int
) -> Query:
    """Return the stored images of one distribution, base64."""
    clause, values = where(span, {"agent": ("String", list(agents))})
    values |= {"name": name, "limit": limit}
    return (
        "SELECT base64Encode(image) AS image FROM {db}.batches AS t "
        "ARRAY JOIN quantile_names AS name, quantile_images AS image "
        f"{clause} AND name = {{name:String}} LIMIT {{limit:UInt32}}",
        values,
    )


def batches(span: tuple[int, int], agents: Sequence[str], limit: int) -> Query:
    """Return what was accepted, in order."""
    clause, values = where(span, {"agent": ("String", list(agents))})
    values |= {"limit": limit}
    return (
        "SELECT agent, lower(hex(boot)) AS boot, sequence, form, size_bytes, endpoints, "
        "flows, "
        "toUnixTimestamp64Milli(start) / 1000 AS start, "
        "toUnixTimestamp64Milli(end) / 1000 AS end, "
        "toUnixTimestamp64Milli(received) / 1000 AS received "
        f"FROM {{db}}.batches AS t {clause} "
        "ORDER BY t.received, agent, boot, sequence LIMIT {limit:UInt32}",
        values,
    )


def unique_endpoints() -> Query:
    """Count the endpoints of all agents together."""
    return "SELECT uniqExact(endpoint_id) AS endpoints FROM {db}.sketches", {}
