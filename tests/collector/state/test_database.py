"""The door to SQLite: migrations forward, never backward, errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.records import StateError
from collector.state.database import Database
from collector.state.schema import MIGRATIONS

TABLES = {
    "users", "sessions", "tokens", "agents", "batch_ledger", "journal", "system_alerts",
    "collectors", "network_interfaces", "qos_rules",
}  # fmt: skip


def names(database: Database) -> set[str]:
    return {
        row[0]
        for row in database.query("SELECT name FROM sqlite_master WHERE type='table'")
    }


def test_a_new_file_gets_every_table(tmp_path: Path):
    database = Database(tmp_path / "a.sqlite", MIGRATIONS)
    assert names(database) >= TABLES
    assert database.query("PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert database.query("PRAGMA journal_mode") == [("wal",)]
    assert database.query("PRAGMA synchronous") == [(2,)]
    database.close()


def test_an_older_file_keeps_its_rows(tmp_path: Path):
    path = tmp_path / "a.sqlite"
    old = Database(path, ("CREATE TABLE a (x); INSERT INTO a VALUES (7)",))
    old.close()
    new = Database(path, ("never run again", "ALTER TABLE a ADD COLUMN y DEFAULT 8"))
    assert new.query("SELECT x, y FROM a") == [(7, 8)]
    new.close()
    with pytest.raises(
        StateError, match="schema 2 is newer than this program's 1: upgrade"
    ):
        Database(path, ("one",))


def test_a_migration_that_fails_leaves_the_old_number(tmp_path: Path):
    path = tmp_path / "a.sqlite"
    Database(path, ("CREATE TABLE a (x)",)).close()
    with pytest.raises(StateError, match="nosuch"):
        Database(path, ("-", "CREATE TABLE b (x); INSERT INTO nosuch VALUES (1)"))
    again = Database(path, ("CREATE TABLE a (x)",))
    assert "b" not in names(again)
    again.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path):
    database = Database(tmp_path / "a.sqlite", ("CREATE TABLE a (x)",))

    def half() -> None:
        with database.transaction():
            database.execute("INSERT INTO a VALUES (1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert database.query("SELECT * FROM a") == []
    database.close()


def test_a_file_that_is_none_is_one_line(tmp_path: Path):
    (tmp_path / "a.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StateError) as failure:
        Database(tmp_path / "a.sqlite", MIGRATIONS)
    assert "check the disk" in str(failure.value)
    (tmp_path / "file").touch()
    with pytest.raises(StateError):
        Database(tmp_path / "file" / "a.sqlite", MIGRATIONS)
