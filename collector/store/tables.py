"""Tables of the data store and their migrations; the same SQL on chDB and on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TIME: Final = "DateTime64(3, 'UTC')"
WORD: Final = "LowCardinality(String)"
OUTCOME_COLUMNS: Final = tuple(
    (f"{outcome}_{unit}", "UInt64")
    for outcome in ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")
    for unit in ("frames", "packets", "bytes")
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns as (name, SQL type), sort key, and whose retention it follows."""

    name: str
    columns: tuple[tuple[str, str], ...]
    order: str
    keeps: str  # totals | flows
    indexes: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """What differs between one embedded store, one server and a cluster."""

    database: str
    cluster: str = ""  # empty: no ON CLUSTER, plain MergeTree
    retention_days: int = 30
    flow_retention_days: int = 7

    @property
    def on_cluster(self) -> str:
        """The clause that spreads DDL over a cluster."""
        return f" ON CLUSTER {self.cluster}" if self.cluster else ""

    def days(self, table: Table) -> int:
        """How long the table's rows are kept."""
        return self.flow_retention_days if table.keeps == "flows" else self.retention_days


INTERVAL: Final = (("agent", WORD), ("start", TIME), ("end", TIME), ("origin", WORD))
"""Every row has these; origin names the insert that brought it, so it can be undone."""

TABLES: Final = {
    table.name: table
    for table in (
        Table(
            "class_totals",
            (
                *INTERVAL,
                ("interface", WORD),
                ("direction", WORD),
                ("class", WORD),
                ("frames", "UInt64"),
                ("packets", "UInt64"),
                ("bytes", "UInt64"),
            ),
            "agent, interface, start",
            "totals",
        ),
        Table(
            "interface_totals",
            (*INTERVAL, ("interface", WORD), ("direction", WORD), *OUTCOME_COLUMNS),
            "agent, interface, start",
            "totals",
        ),
        Table(
            "sketches",
            (
                *INTERVAL,
                ("received", TIME),
                ("endpoint_id", "String"),
                ("unique_peers", "Float64"),
                ("unique_ports", "Float64"),
                ("unique_services", "Float64"),
                ("bytes_in", "UInt64"),
                ("bytes_out", "UInt64"),
                ("packets_in", "UInt64"),
                ("packets_out", "UInt64"),
                ("flow_count", "UInt64"),
                ("first_seen", "UInt64"),
                ("last_seen", "UInt64"),
                ("active_hours", "UInt32"),
                ("version", "UInt64"),
                ("class_bytes", "Array(UInt64)"),
                ("form", WORD),
                ("sketch_data", "String"),
            ),
            "start, agent, endpoint_id",
            "totals",
            "INDEX endpoint endpoint_id TYPE bloom_filter GRANULARITY 1",
        ),
        Table(
            "flows",
            (
                *INTERVAL,
                ("interface", WORD),
                ("source", "IPv6"),
                ("destination", "IPv6"),
                ("source_port", "UInt16"),
                ("destination_port", "UInt16"),
                ("protocol", "UInt8"),
                ("family", "UInt8"),
                ("class", WORD),
                ("dscp", "UInt8"),
                ("vlan", "UInt16"),
                ("packets_forward", "UInt64"),
                ("packets_backward", "UInt64"),
                ("bytes_forward", "UInt64"),
                ("bytes_backward", "UInt64"),
                ("first_ns", "UInt64"),
                ("last_ns", "UInt64"),
                ("rtt_ns", "UInt64"),
                ("retransmits", "UInt32"),
            ),
            "start, agent, source, destination",
            "flows",
            "INDEX source source TYPE bloom_filter GRANULARITY 1, "
            "INDEX destination destination TYPE bloom_filter GRANULARITY 1",
        ),
        Table(
            "batches",
            (
                *INTERVAL,
                ("received", TIME),
                ("boot", "String"),
                ("sequence", "UInt64"),
                ("form", WORD),
                ("version", WORD),
                ("hostname", WORD),
                ("size_bytes", "UInt64"),
                ("endpoints", "UInt64"),
                ("flows", "UInt64"),
                ("health", "String"),
                ("quantile_names", "Array(String)"),
                ("quantile_images", "Array(String)"),
            ),
            "agent, start",
            "totals",
        ),
    )
}


def create(table: Table, site: Site) -> str:
    """Return the statement that makes a table when it does not exist yet."""
    columns = ",\n    ".join(f"{name} {sql_type}" for name, sql_type in table.columns)
    indexes = f",\n    {table.indexes}" if table.indexes else ""
    if site.cluster:
        settings = "replicated_deduplication_window = 10000"
    else:
        settings = (
            "non_replicated_deduplication_window = 10000, "
            "fsync_after_insert = 1, fsync_part_directory = 1"
        )
    return (
        f"CREATE TABLE IF NOT EXISTS {site.database}.{table.name}{site.on_cluster} (\n"
        f"    {columns}{indexes}\n) ENGINE = {engine(table.name, site)}\n"
        f"PARTITION BY toDate(start) ORDER BY ({table.order})\n"
        f"TTL {ttl(table, site)}\nSETTINGS {settings}, ttl_only_drop_parts = 1"
    )


def engine(name: str, site: Site) -> str:
    """Return the engine: replicated in a cluster, plain otherwise."""
    if not site.cluster:
        return "MergeTree"
    path = "/clickhouse/tables/{shard}/" + f"{site.database}/{name}"
    return f"ReplicatedMergeTree('{path}', '{{replica}}')"


def ttl(table: Table, site: Site) -> str:
    """Return the expression after which a row goes."""
    return f"toDate(start) + INTERVAL {site.days(table)} DAY"


def first(site: Site) -> tuple[str, ...]:
    """Migration 1: every table of the first release."""
    return tuple(create(table, site) for table in TABLES.values())


MIGRATIONS: Final = (first,)
"""Each gives the statements that lead from its number to the next; all may run twice."""


def prepare(site: Site) -> tuple[str, ...]:
    """Return what must exist before any migration: database and version table."""
    return (
        f"CREATE DATABASE IF NOT EXISTS {site.database}{site.on_cluster}",
        f"CREATE TABLE IF NOT EXISTS {site.database}.schema_version{site.on_cluster} "
        f"(version UInt32, at DateTime DEFAULT now()) "
        f"ENGINE = {engine('schema_version', site)} ORDER BY version",
    )


def retention(table: Table, site: Site) -> str:
    """Return the statement that sets a table's retention as configured now."""
    name = f"{site.database}.{table.name}{site.on_cluster}"
    return f"ALTER TABLE {name} MODIFY TTL {ttl(table, site)}"
