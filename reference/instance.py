"""A collector put together and never started: what its tables say, without a store."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from collector.assemble import Assembly, Clocks
from collector.config import Config

_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS \S+?\.(\w+)")


class NoStore:
    """A door to nothing: it remembers which tables were made, and holds no rows."""

    def __init__(self) -> None:
        self._tables: dict[str, str] = {}

    def execute(self, sql: str) -> None:
        """Note a table; run nothing."""
        if made := _TABLE.search(sql):
            self._tables[made[1]] = sql

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the tables where they are asked for, else no rows."""
        if "system.tables" not in sql:
            return []
        return [{"name": name, "ddl": ddl} for name, ddl in self._tables.items()]

    def insert(self, statement: str, data: bytes, name: str) -> None:
        """Insert nothing."""

    def close(self) -> None:
        """Let go of nothing."""


@contextmanager
def collector() -> Iterator[Assembly]:
    """Give a collector in a folder of its own; the folder goes with it."""
    clocks = Clocks(lambda: 0.0, lambda: 0, lambda: 0.0)
    with tempfile.TemporaryDirectory(prefix="weir-reference-") as folder:
        assembly = Assembly(Config(data_dir=folder), NoStore(), clocks)
        try:
            yield assembly
        finally:
            assembly.close()
