"""The door to SQLite: one file, write-ahead log, synchronous, numbered migrations."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector.records import StateError

Row = tuple[Any, ...]


class Database:
    """One connection for everything, and one that only watches for others' changes.

    Safe from any thread: a lock admits one statement or transaction at a time.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._connect()
            self._watcher = self._connect()
            self._migrate(migrations)
            path.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{path}: {error}: check the disk and the owner") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self, migrations: Sequence[str]) -> None:
        """Bring the schema up to date; each migration and its number commit together."""
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(migrations):
            raise StateError(
                f"{self.path}: schema {version} is newer than this program's "
                f"{len(migrations)}: upgrade weir-collector"
            )
        for number in range(version, len(migrations)):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {migrations[number]}; "
                f"PRAGMA user_version = {number + 1}; COMMIT;"
            )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Admit one user at a time; give what SQLite raises our own name."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StateError(f"{self.path}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the statements inside as one durable unit."""
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have ended it itself.
                    self._connection.execute("ROLLBACK")
                raise

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        with self._guarded():
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one INSERT; return the row's id. Raises KeyError when it already exists."""
        with self._guarded():
            try:
                return self._connection.execute(sql, parameters).lastrowid or 0
            except sqlite3.IntegrityError as error:
                raise KeyError(str(error)) from error

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for every row."""
        with self._guarded():
            self._connection.executemany(sql, rows)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return every row of a SELECT."""
        with self._guarded():
            return self._connection.execute(sql, parameters).fetchall()

    def data_version(self) -> int:
        """Return a number that changes when any connection, of any process, has written.

        Reads shared memory only and waits for nobody, so the event loop may call it.
        """
        version: int = self._watcher.execute("PRAGMA data_version").fetchone()[0]
        return version

    def watch(self, sql: str) -> list[Row]:
        """Return the rows of a small SELECT without waiting for writers."""
        return self._watcher.execute(sql).fetchall()

    def close(self) -> None:
        """Close both connections."""
        with self._guarded():
            self._watcher.close()
            self._connection.close()
