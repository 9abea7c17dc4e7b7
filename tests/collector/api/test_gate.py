"""Who may pass, and the headers of every answer."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.api.gate import Gate, Rules, check_role, failure, host_name
from collector.api.rates import Rates
from collector.records import Principal, Refused, Route, Token
from tests.collector.support import Server


def test_every_answer_has_the_security_headers(shared: Server):
    for path in ("/health", "/", "/api/agents", "/api/nothing"):
        found = shared.get(path).headers
        assert found["Content-Security-Policy"].startswith("default-src 'self'")
        assert found["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in found
    assert shared.get("/api/nothing").status == 404
    assert shared.request("DELETE", "/api/agents").status == 405


def test_without_sign_in_only_this_machine_is_answered(shared: Server):
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
        assert shared.get("/api/agents", {"Host": host}).status == 403
    answer = shared.request(
        "POST", "/api/alerts/1/resolve", b"", {"Origin": "http://evil.example"}
    )
    assert answer.status == 403


def passes(needed: str, principal: Principal | None, is_open: bool = False) -> int:
    try:
        check_role(needed, principal, is_open)
    except Refused as refusal:
        return refusal.status
    return 200


WHO = {
    "nobody": None,
    "agent": Principal("edge", "agent", "token"),
    "viewer": Principal("vera", "viewer", "session"),
    "admin": Principal("ada", "admin", "token"),
}


@pytest.mark.parametrize(
    ("needed", "statuses"),
    [
        ("open", (200, 200, 200, 200)),
        ("agent", (401, 200, 403, 403)),
        ("viewer", (401, 403, 200, 200)),
        ("admin", (401, 403, 403, 200)),
    ],
)
def test_roles(needed: str, statuses: tuple[int, ...]):
    assert tuple(passes(needed, who) for who in WHO.values()) == statuses


def test_without_sign_in_the_machine_may_all_but_a_token_no_more_than_it_says():
    local = Principal("local", "admin", "open")
    assert [passes(role, local, is_open=True) for role in ("agent", "admin")] == [200, 200]
    assert passes("agent", local) == 403
    assert passes("admin", WHO["viewer"], is_open=True) == 403


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"), ("LOCALHOST:80", "localhost"), ("[::1]:8080", "::1"),
        ("127.0.0.1:3000", "127.0.0.1"), ("", ""), ("a@localhost", ""), ("[::1", ""),
        ("localhost.evil.example", "localhost.evil.example"),
    ],
)  # fmt: skip
def test_names_of_hosts(host: str, name: str):
    assert host_name(host) == name


def test_a_refusal_has_one_shape():
    answer = failure(429, "wait", retry_after=3)
    assert json.loads(answer.text or "") == {
        "status": "error", "error": "wait", "retry_after": 3,
    }  # fmt: skip
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert failure(401, "who").headers["WWW-Authenticate"].startswith("Bearer")
    assert "WWW-Authenticate" not in failure(403, "no").headers


@pytest.mark.parametrize(
    "scheme", ["Basic abc", "Bearer ", "Bearer", "bearer weir_x", "Bearer weir_x y"]
)
def test_headers_that_are_no_token_do_not_pass(guarded: Server, scheme: str):
    assert guarded.get("/api/agents", {"Authorization": scheme}).status == 401


def test_hosts_that_are_no_name_are_refused(shared: Server):
    for host in ("[::1", "127.0.0.1@evil.example"):
        assert shared.get("/api/agents", {"Host": host}).status in (400, 403), host
    for origin in ("http://[", "null", "http://127.0.0.1"):
        answer = shared.request("POST", "/api/alerts/1/resolve", b"", {"Origin": origin})
        assert answer.status == 403, origin


class NoIdentities:
    """Knows nobody."""

    def token(self, secret: str) -> Token | None:
        return None

    async def session(self, secret: str) -> Principal | None:
        return None


async def test_secrets_that_nobody_has_are_slowed_as_well():
    async def never(request: web.Request) -> web.Response:
        raise AssertionError

    route = Route("GET", "/x", "viewer", "A path.", never)
    rules = Rules(is_open=False, origins=frozenset(), is_tls=False)
    gate = Gate(
        rules,
        NoIdentities(),
        {("GET", "/x"): route},
        Rates(1, 2),
        lambda: 5.0,
        lambda: True,
    )
    app = web.Application(middlewares=[gate.middleware])
    app.router.add_get("/x", never)
    async with TestClient(TestServer(app)) as client:
        secret = {"Authorization": "Bearer weir_guess"}
        found = [(await client.get("/x", headers=secret)).status for _ in range(3)]
    assert found == [401, 401, 429]
