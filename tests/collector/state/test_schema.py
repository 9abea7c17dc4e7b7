"""The migrations: applied once each, in order, and what they promise about rows."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from collector.records import StateError
from collector.state.database import Database
from collector.state.schema import MIGRATIONS


def test_a_released_migration_is_never_edited():
    found = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in MIGRATIONS]
    released = ["b0a0399f3e87a757", "ddb7ef43f5a5f5d7"]
    assert found == released, "add a migration behind it instead"


def test_an_older_file_is_brought_up_to_date_and_a_newer_one_refused(tmp_path: Path):
    path = tmp_path / "control.sqlite"
    Database(path, MIGRATIONS).close()
    longer = (*MIGRATIONS, "CREATE TABLE added (id INTEGER PRIMARY KEY)")
    newer = Database(path, longer)
    assert newer.query("SELECT count(*) FROM added") == [(0,)]
    newer.close()
    with pytest.raises(StateError, match="upgrade weir-collector"):
        Database(path, MIGRATIONS)


def test_open_alerts_of_an_older_file_are_lasting(tmp_path: Path):
    path = tmp_path / "control.sqlite"
    old = Database(path, MIGRATIONS[:1])
    columns = "severity, title, message, subject, resolved, created_at"
    row = f"INSERT INTO system_alerts ({columns})"
    for subject, resolved in (("a", 1), ("a", 0), ("b", 1), ("c", 0), ("c", 0)):
        old.execute(f"{row} VALUES ('info', '', '', ?, ?, 0)", (subject, resolved))
    old.close()
    new = Database(path, MIGRATIONS)
    found = new.query("SELECT id, subject FROM system_alerts WHERE lasting = 1 ORDER BY id")
    assert found == [(2, "a"), (5, "c")]
    new.close()


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path):
    path = tmp_path / "control.sqlite"
    Database(path, MIGRATIONS).close()
    with pytest.raises(StateError):
        Database(path, (*MIGRATIONS, "CREATE TABLE half (id); CREATE TABLE half (id)"))
    with sqlite3.connect(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "half" not in names
    Database(path, MIGRATIONS).close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users VALUES (1, 'a', 'h', '', '', 'root', 0, 0, 0)",
        "INSERT INTO tokens VALUES (1, 'x', 'other', 's', 'agent', 0, 0)",
        "INSERT INTO sessions VALUES ('x', 99, 'c', 0, 0)",
        "INSERT INTO journal VALUES (2, 'c', 0, 0, 0, 0)",
    ],
)
def test_rows_that_cannot_be(tmp_path: Path, statement: str):
    one = Database(tmp_path / "control.sqlite", MIGRATIONS)
    with pytest.raises(StateError):
        one.execute(statement)
    one.close()
