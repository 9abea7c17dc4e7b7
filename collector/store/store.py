"""The data store over either door: migrations, inserts that cannot double, queries."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any, Final, Protocol, cast

import numpy as np

from collector.records import Rows
from collector.store import native, tables

READ_SETTINGS: Final = (
    " SETTINGS max_execution_time = 20, max_memory_usage = 2000000000,"
    " output_format_json_quote_64bit_integers = 0, max_threads = 2"
)
"""A query may take 20 s and 2 GB: more starves inserts on a two-core machine."""


class Door(Protocol):
    """What an engine must offer."""

    def execute(self, sql: str) -> None:
        """Run a statement."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return rows."""

    def insert(self, statement: str, data: bytes, name: str) -> None:
        """Insert one Native block; the engine calls the insert by this name."""

    def close(self) -> None:
        """Let go."""


class Store:
    """Tables of one site behind one door."""

    def __init__(self, door: Door, site: tables.Site) -> None:
        self.door = door
        self.site = site

    def migrate(self) -> int:
        """Bring the tables up to date and set retention; return the schema's number."""
        for statement in tables.prepare(self.site):
            self.door.execute(statement)
        version = self.version()
        for number in range(version, len(tables.MIGRATIONS)):
            for statement in tables.MIGRATIONS[number](self.site):
                self.door.execute(statement)
            self.door.execute(
                f"INSERT INTO {self.site.database}.schema_version (version) "
                f"VALUES ({number + 1})"
            )
        self.retain()
        return len(tables.MIGRATIONS)

    def retain(self) -> list[str]:
        """Set retention where it differs, for that rewrites a table; return names."""
        rows = self.query(
            "SELECT name, create_table_query AS ddl FROM system.tables "
            "WHERE database = {database:String}",
            {"database": self.site.database},
        )
        found = {row["name"]: row["ddl"] for row in rows}
        changed = []
        for name, table in tables.TABLES.items():
            if f"toIntervalDay({self.site.days(table)})" not in found[name]:
                self.door.execute(tables.retention(table, self.site))
                changed.append(name)
        return changed

    def version(self) -> int:
        """Return the number of the last migration that ran."""
        rows = self.query("SELECT max(version) AS version FROM {db}.schema_version", {})
        return int(rows[0]["version"]) if rows else 0

    def insert(self, table: str, rows: Sequence[Rows], origin: str, token: str) -> int:
        """Insert many batches' rows of one table at once; return how many.

        origin names just these rows for undo; a token that comes again soon adds nothing.
        """
        mine = [part for part in rows if part.table == table and part.count]
        if not mine:
            return 0
        schema = tables.TABLES[table].columns
        count = sum(part.count for part in mine)
        columns: dict[str, Sequence[Any]] = {
            name: joined([part.columns[name] for part in mine])
            for name, _ in schema
            if name != "origin"
        }
        columns["origin"] = [origin] * count
        names = ", ".join(f"`{name}`" for name, _ in schema)
        self.door.insert(
            f"INSERT INTO {self.site.database}.{table} ({names}) SETTINGS "
            f"insert_deduplicate = 1, insert_deduplication_token = '{token}', "
            "async_insert = 0",
            native.encode(schema, columns, count),
            f"{_name(table, origin)}{secrets.token_hex(4)}",
        )
        return count

    def undo(self, table: str, origin: str) -> None:
        """Remove what an interrupted insert of this origin left, if anything.

        A server may work on an insert that we gave up, or that a crash left behind: it ends
        first. The engine notes a token before the rows are visible, so that after a crash
        the token alone proves nothing: look at the rows themselves.
        """
        self.door.query(
            f"KILL QUERY{self.site.on_cluster} WHERE startsWith(query_id, {{name:String}}) "
            "SYNC",
            {"name": _name(table, origin)},
        )
        where = "origin = {origin:String}"
        found = self.query(
            f"SELECT count() AS rows FROM {{db}}.{table} WHERE {where}", {"origin": origin}
        )
        if int(found[0]["rows"]):
            self.door.query(
                f"ALTER TABLE {self.site.database}.{table}{self.site.on_cluster} "
                f"DELETE WHERE {where} SETTINGS mutations_sync = 2",
                {"origin": origin},
            )

    def keep_below(self, cap_bytes: int) -> int:
        """Drop the oldest days until the tables fit under the cap; 0 means no cap.

        Returns how many days went. The newest day stays, whatever its size.
        """
        days = self.days() if cap_bytes else []
        total, gone = sum(size for _, size in days), 0
        for day, size in days[:-1]:
            if total <= cap_bytes:
                break
            self.purge(day)
            total, gone = total - size, gone + 1
        return gone

    def days(self) -> list[tuple[str, int]]:
        """Return (day, bytes on disk) of everything stored, oldest first."""
        rows = self.query(
            "SELECT partition AS day, sum(bytes_on_disk) AS size FROM system.parts "
            "WHERE active AND database = {database:String} AND partition LIKE '____-__-__' "
            "GROUP BY day ORDER BY day",
            {"database": self.site.database},
        )
        return [(row["day"], row["size"]) for row in rows]

    def purge(self, day: str) -> None:
        """Drop one day, YYYY-MM-DD, from every table. Raises ValueError."""
        date.fromisoformat(day)
        for table in tables.TABLES:
            self.door.execute(
                f"ALTER TABLE {self.site.database}.{table}{self.site.on_cluster} "
                f"DROP PARTITION '{day}'"
            )

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of one of our own SELECTs; {db} stands for the database."""
        return self.door.query(
            sql.replace("{db}", self.site.database) + READ_SETTINGS, parameters
        )

    def close(self) -> None:
        """Close the door."""
        self.door.close()


def _name(table: str, origin: str) -> str:
    """Return how the names of one origin's inserts into one table begin."""
    return f"weir/{origin}/{table}/"


def joined(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """Return one column from several batches' parts of it."""
    if all(isinstance(part, np.ndarray) for part in parts):
        column: Any = np.concatenate(parts)
        return cast("Sequence[Any]", column)
    return list(chain.from_iterable(parts))
