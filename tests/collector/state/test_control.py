"""The control store as a whole: one file, opened again with everything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.records import StateError
from collector.state.control import FILE, Control


def test_everything_is_there_again(tmp_path: Path):
    first = Control(tmp_path / "new" / "folder")
    first.users.add("ada", "correct horse battery", "admin", 1)
    _, secret = first.tokens.add("agent", "edge", "agent", 2)
    name = first.ledger.collector()
    first.close()
    again = Control(tmp_path / "new" / "folder")
    assert [user.username for user in again.users.list()] == ["ada"]
    found = again.tokens.check(secret)
    assert found is not None
    assert (found.subject, found.role) == ("edge", "agent")
    assert again.ledger.collector() == name
    assert again.database.path.stat().st_mode & 0o777 == 0o600
    again.close()


def test_what_is_no_database_is_one_line(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(StateError) as failure:
        Control(tmp_path)
    assert str(tmp_path / FILE) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="check the disk and the owner"):
        Control(tmp_path / "file")
