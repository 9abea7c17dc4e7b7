"""Users and sessions: names and passwords that may be, sessions that end."""

from __future__ import annotations

import argon2
import pytest

from collector.state import users
from collector.state.control import Control
from collector.state.users import PASSWORD_LENGTH_MAX, UserError, verified

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least: these tests are about what is done with it."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users, "HASHER", hasher)


@pytest.mark.parametrize(
    ("name", "password", "role", "reason"),
    [
        ("", GOOD, "admin", "1 to 100 printable"),
        ("a" * 101, GOOD, "admin", "1 to 100 printable"),
        ("a\nb", GOOD, "admin", "1 to 100 printable"),
        ("ada", GOOD, "agent", "unknown role"),
        ("ada", "ninechars", "admin", "10 to 1024"),
        ("ada", "a" * (PASSWORD_LENGTH_MAX + 1), "admin", "10 to 1024"),
    ],
)
def test_users_that_cannot_be(
    control: Control, name: str, password: str, role: str, reason: str
):
    with pytest.raises(UserError, match=reason) as failure:
        control.users.add(name, password, role, 1)
    assert "\n" not in str(failure.value)
    assert control.users.list() == []


def test_names_are_taken_once(control: Control):
    assert control.users.add("ada", GOOD, "admin", 1).role == "admin"
    with pytest.raises(UserError, match="exists already"):
        control.users.add("ada", GOOD, "viewer", 1)
    for change in (
        lambda: control.users.remove("vera"),
        lambda: control.users.set_password("vera", GOOD, 1),
    ):
        with pytest.raises(UserError, match="no such user"):
            change()


def test_a_session_from_sign_in_to_its_end(control: Control):
    control.users.add("ada", GOOD, "admin", 1)
    assert control.users.sign_in("ada", GOOD + "x", 10, 60) is None
    assert control.users.sign_in("nobody", GOOD, 10, 60) is None
    assert control.users.sign_in("ada", "x" * 5000, 10, 60) is None
    found = control.users.sign_in("ada", GOOD, 10, 60)
    assert found is not None
    secret, who = found
    assert (who.name, who.role, who.by) == ("ada", "admin", "session")
    assert control.users.session(secret, 69) == who
    assert control.users.session(secret, 70) is None
    assert control.users.session("else", 20) is None
    assert control.users.list()[0].last_signed_in == 10
    control.users.sign_out(secret)
    assert control.users.session(secret, 20) is None
    control.users.sign_out(secret)


@pytest.mark.parametrize("end", ["password", "removal"])
def test_what_ends_every_session_of_a_user(control: Control, end: str):
    for name in ("ada", "vera"):
        control.users.add(name, GOOD, "admin", 1)
    secrets = [control.users.sign_in(name, GOOD, 10, 60) for name in ("ada", "vera")]
    if end == "password":
        control.users.set_password("ada", GOOD + "!", 11)
    else:
        control.users.remove("ada")
    ada, vera = (one[0] for one in secrets if one is not None)
    assert control.users.session(ada, 12) is None
    assert control.users.session(vera, 12) is not None


def test_sessions_that_ended_are_deleted_by_the_next_sign_in(control: Control):
    control.users.add("ada", GOOD, "admin", 1)
    for now in (10, 20, 100):
        control.users.sign_in("ada", GOOD, now, 60)
    assert control.database.query("SELECT count(*) FROM sessions") == [(1,)]


def test_a_hash_that_is_none_verifies_nothing():
    assert verified("junk", GOOD) is False
    assert verified("", "") is False


def test_an_unknown_name_costs_what_a_wrong_password_does():
    known = argon2.PasswordHasher().hash(GOOD)
    assert argon2.extract_parameters(users.NOBODY) == argon2.extract_parameters(known)
    assert not verified(users.NOBODY, GOOD)
