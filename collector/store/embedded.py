"""The door to chDB: ClickHouse inside this process, one path, any thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chdb import session

from collector.store.answers import StoreError, first_line, literal, rows_of


class Embedded:
    """One chDB path; each thread gets its own session, so a slow query blocks no insert."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = str(path)
        self._local = threading.local()
        self._sessions: list[Any] = []
        self._lock = threading.Lock()
        self._session()

    def _session(self) -> Any:
        """Return this thread's session, opened on first use."""
        mine = getattr(self._local, "session", None)
        if mine is None:
            with self._lock:
                try:
                    mine = session.Session(self._path)  # type: ignore[no-untyped-call]
                except Exception as error:
                    raise StoreError(first_line(error)) from error
                self._sessions.append(mine)
            self._local.session = mine
        return mine

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        self._run(sql, {})

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows; {name:Type} in the SQL takes its value from parameters."""
        text = self._run(sql, parameters)
        return rows_of(text)

    def _run(self, sql: str, parameters: Mapping[str, Any]) -> str:
        values = {name: literal(value) for name, value in parameters.items()}
        try:
            return str(self._session().query(sql, "JSONCompact", params=values or None))
        except Exception as error:
            raise StoreError(first_line(error)) from error

    def insert(self, statement: str, data: bytes, name: str) -> None:
        """Run an INSERT whose rows come as one Native block. It ends before or with us."""
        try:
            with self._session().send_insert(statement, "Native") as stream:
                stream.append(data)
                stream.finish()
        except Exception as error:
            raise StoreError(first_line(error)) from error

    def close(self) -> None:
        """Close every session; what was inserted stays."""
        with self._lock:
            for one in self._sessions:
                one.close()
            self._sessions.clear()
