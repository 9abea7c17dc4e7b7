"""Sign-in, sign-out and who am I, as a browser sees them."""

from __future__ import annotations

import pytest

from collector.api.sign_in import about
from collector.records import Principal
from tests.collector.support import KIND, Server, login, session


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("text/plain", b"{}", 415),
        ("application/json", b"", 400),
        ("application/json", b"[]", 400),
        ("application/json", b"{}", 400),
        ("application/json", b'{"username": "ada"}', 400),
        ("application/json", b'{"username": 1, "password": "x"}', 400),
        ("application/json", b'{"username": "ada", "password": null}', 400),
        ("application/json", b"[" * 5000, 400),
        ("application/json", b'{"username": "' + b"a" * 9000, 413),
    ],
)
def test_what_is_no_sign_in(guarded: Server, kind: str, data: bytes, status: int):
    answer = guarded.request("POST", "/api/auth/login", data, {"Content-Type": kind})
    assert answer.status == status
    assert answer.json["status"] == "error"


def test_a_name_of_nobody_and_a_wrong_password_look_the_same(guarded: Server):
    answers = [login(guarded, name, "not the password") for name in ("ada", "nobody")]
    assert [one.status for one in answers] == [401, 401]
    assert answers[0].json == answers[1].json


def test_signing_out_ends_one_session_only(guarded: Server):
    first, second = (session(login(guarded, "ada")) for _ in range(2))
    assert guarded.request("POST", "/api/auth/logout", b"", first).status == 200
    assert guarded.get("/api/auth/me", first).json["signed_in"] is False
    assert guarded.get("/api/auth/me", second).json["username"] == "ada"


def test_signing_out_needs_a_session(guarded: Server):
    assert guarded.request("POST", "/api/auth/logout", b"", KIND).status == 401


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        (None, {"signed_in": False, "username": None, "role": None, "csrf": None}),
        (Principal("ada", "admin", "session", "c"),
         {"signed_in": True, "username": "ada", "role": "admin", "by": "session",
          "csrf": "c"}),
        (Principal("local", "admin", "open"),
         {"signed_in": True, "username": "local", "role": "admin", "by": "open",
          "csrf": None}),
    ],
)  # fmt: skip
def test_who_am_i(principal: Principal | None, said: dict[str, object]):
    assert about(principal) == said
