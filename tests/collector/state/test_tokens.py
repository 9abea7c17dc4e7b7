"""Tokens: shown once, known by hash, revoked at once in every process."""

from __future__ import annotations

from pathlib import Path

from collector.records import Token
from collector.state.control import Control
from collector.state.tokens import PREFIX, digest


def test_a_token_is_what_its_secret_says(control: Control):
    assert control.tokens.list() == []
    token, secret = control.tokens.add("agent", "edge", "agent", 7)
    assert secret.startswith(PREFIX)
    assert len(secret) > 40
    assert token == Token(1, "agent", "edge", "agent", 7)
    assert control.tokens.check(secret) == token
    assert control.tokens.list() == [token]
    for wrong in ("", "weir_", secret[:-1], secret + "x", secret.upper(), "\udcff"):
        assert control.tokens.check(wrong) is None


def test_two_of_one_name_are_two(control: Control):
    secrets = [control.tokens.add("api", "same", "viewer", 1)[1] for _ in range(2)]
    found = [control.tokens.check(one) for one in secrets]
    assert [one and one.id for one in found] == [1, 2]
    assert control.tokens.revoke(1) is True
    assert control.tokens.revoke(1) is False
    assert control.tokens.check(secrets[0]) is None
    assert control.tokens.check(secrets[1]) is not None


def test_another_process_revokes(control: Control, tmp_path: Path):
    _, secret = control.tokens.add("agent", "edge", "agent", 1)
    assert control.tokens.check(secret) is not None
    other = Control(tmp_path)
    _, theirs = other.tokens.add("api", "them", "admin", 2)
    other.tokens.revoke(1)
    other.close()
    assert control.tokens.check(secret) is None
    assert control.tokens.check(theirs) is not None


def test_the_secret_is_not_in_the_database(control: Control):
    _, secret = control.tokens.add("agent", "edge", "agent", 1)
    (row,) = control.database.query("SELECT * FROM tokens")
    assert secret not in map(str, row)
    assert digest(secret) in row
