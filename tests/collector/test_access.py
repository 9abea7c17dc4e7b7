"""Who may do what: roles, tokens, sessions, forged requests, rates, the relay."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.collector.support import PASSWORD, Answer, Server, batch, login, session, token


def test_every_route_holds_its_role(guarded: Server):
    """Each route, as anyone, agent, viewer, admin: 401 or 403 just where it must be."""
    tokens = {
        "anyone": "",
        "agent": token(guarded, "--agent", "matrix"),
        "viewer": token(guarded, "--api", "v"),
        "admin": token(guarded, "--api", "a", "--role", "admin"),
    }
    allowed = {
        "open": {"anyone", "agent", "viewer", "admin"},
        "agent": {"agent"},
        "viewer": {"viewer", "admin"},
        "admin": {"admin"},
    }
    document = guarded.get("/api/openapi.json").json
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            for who, secret in tokens.items():
                fields = {"Authorization": f"Bearer {secret}"} if secret else {}
                data = b"" if verb in ("post", "put") else None
                answer = guarded.request(
                    verb.upper(), path.replace("{", "").replace("}", ""), data, fields
                )
                may = who in allowed[operation["x-role"]]
                if path == "/api/auth/login":
                    continue
                wanted = 401 if who == "anyone" else 403
                assert (answer.status != wanted) == may, (verb, path, who, answer.status)


def test_a_token_is_good_for_its_agent_alone_and_dies_at_once(guarded: Server):
    secret = token(guarded, "--agent", "edge-001")
    one = batch(1)
    assert guarded.post(one).status == 401
    assert guarded.post(one, "weir_wrong").status == 401
    assert guarded.post(batch(1, agent="other"), secret).status == 403
    assert guarded.post(one, secret).status == 200
    sample = json.dumps({"switch_id": "other", "now_ns": 1, "interfaces": []}).encode()
    field = {"Authorization": f"Bearer {secret}"}
    assert guarded.request("POST", "/api/edge/live", sample, field).status == 403
    rows = json.loads(guarded.command("token", "list", "--json").stdout)
    (number,) = [row["id"] for row in rows if row["subject"] == "edge-001"]
    assert secret not in json.dumps(rows)
    assert guarded.command("token", "revoke", str(number)).returncode == 0
    assert guarded.post(batch(2), secret).status == 401
    assert guarded.command("token", "revoke", str(number)).returncode == 1


def test_secrets_are_in_no_file(guarded: Server):
    secret = token(guarded, "--agent", "secretive")
    guarded.post(batch(1, agent="secretive"), secret)
    cookie = session(login(guarded, "ada"))["Cookie"].partition("=")[2]
    for path in [*guarded.folder.rglob("*"), guarded.folder.parent / "data.log"]:
        if path.is_file():
            data = path.read_bytes()
            for text in (secret, PASSWORD, cookie):
                assert text.encode() not in data, path


def test_sign_in_and_out(guarded: Server):
    assert guarded.get("/api/auth/me").json["signed_in"] is False
    assert login(guarded, "vera", "wrong password").status == 401
    fields = session(login(guarded, "vera"))
    me = guarded.get("/api/auth/me", fields).json
    assert (me["username"], me["role"], me["by"]) == ("vera", "viewer", "session")
    assert guarded.get("/api/agents", fields).status == 200
    assert guarded.request("POST", "/api/alerts/1/resolve", b"", fields).status == 403
    assert guarded.request("POST", "/api/auth/logout", b"", fields).status == 200
    assert guarded.get("/api/agents", fields).status == 401


def test_a_change_needs_the_value_that_other_sites_cannot_read(guarded: Server):
    fields = session(login(guarded, "ada"))
    path = "/api/alerts/1/resolve"
    assert guarded.request("POST", path, b"", fields).status == 404  # passed, no such alert
    without = {"Cookie": fields["Cookie"]}
    assert guarded.request("POST", path, b"", without).status == 403
    for foreign in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert guarded.request("POST", path, b"", {**fields, **foreign}).status == 403
    own = {"Origin": guarded.url, "Sec-Fetch-Site": "same-origin"}
    assert guarded.request("POST", path, b"", {**fields, **own}).status == 404


def test_a_new_password_ends_sessions(guarded: Server):
    fields = session(login(guarded, "vera"))
    done = guarded.command("user", "passwd", "vera", text=PASSWORD + "\n")
    assert done.returncode == 0
    assert guarded.get("/api/agents", fields).status == 401
    assert guarded.command("user", "passwd", "vera", text="short\n").returncode == 1
    assert guarded.command("user", "add", "ada", text=PASSWORD + "\n").returncode == 1
    assert guarded.command("user", "remove", "nobody").returncode == 1
    rows = json.loads(guarded.command("user", "list", "--json").stdout)
    assert [row["username"] for row in rows] == ["ada", "vera"]


def test_guessing_is_slowed_and_clients_have_rates(tmp_path: Path):
    server = Server(tmp_path / "data", "--request-rate", "2", auth="local").start()
    try:
        answers = at_once(10, lambda: server.get("/api/auth/me"))
        (limited, *_) = [answer for answer in answers if answer.status == 429]
        assert int(limited.headers["Retry-After"]) >= 1
    finally:
        server.kill()
    server = Server(tmp_path / "data", auth="local").start()
    try:
        answers = at_once(12, lambda: login(server, "x"))
        statuses = [answer.status for answer in answers]
        assert statuses.count(401) >= 5
        assert 429 in statuses
    finally:
        server.kill()


def at_once(times: int, ask: Callable[[], Answer]) -> list[Answer]:
    """All in one moment: a slow machine fills buckets again."""
    with ThreadPoolExecutor(times) as people:
        return list(people.map(lambda _: ask(), range(times)))
