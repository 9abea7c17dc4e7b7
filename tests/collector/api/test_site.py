"""Which listener serves what."""

from __future__ import annotations

import json
from pathlib import Path

from collector.api.site import description_routes, table
from collector.records import Route
from tests.collector.support import Server, batch


def test_two_listeners_keep_agents_and_people_apart(tmp_path: Path):
    server = Server(tmp_path / "data")
    flags = list(server.flags)
    other = Server(tmp_path / "other").port
    flags[flags.index("--agent-port") + 1] = str(other)
    server.flags = tuple(flags)
    server.start()
    try:
        assert server.post(batch(1)).status in (404, 405)
        people, server.url = server.url, f"http://127.0.0.1:{other}"
        assert server.post(batch(1)).status == 200
        assert server.get("/health").status == 200
        assert server.get("/api/agents").status == 404
        server.url = people
        assert server.get("/api/agents").status == 200
    finally:
        assert server.stop() == 0


async def nothing(_: object) -> None:
    """Stand for a handler."""


def test_heads_are_looked_up_where_gets_are():
    routes = [
        Route("GET", "/a", "viewer", "A.", nothing),
        Route("POST", "/b", "admin", "B.", nothing),
    ]
    found = table(routes)
    assert set(found) == {("GET", "/a"), ("HEAD", "/a"), ("POST", "/b")}
    assert found["HEAD", "/a"].role == "viewer"
    assert table([]) == {}


async def test_the_description_describes_itself():
    other = Route("GET", "/a", "viewer", "A.", nothing)
    for_programs, for_people = description_routes([other], "1")
    answer = await for_programs.handler(None)
    known = {"/a", "/api/openapi.json", "/api/docs"}
    assert set(json.loads(answer.body)["paths"]) == known
    page = (await for_people.handler(None)).text
    assert all(f"<code>GET {path}</code>" in page for path in known)


def test_a_head_is_answered_like_a_get_without_its_body(shared: Server):
    answer = shared.request("HEAD", "/api/agents")
    assert (answer.status, answer.data) == (200, b"")
    assert answer.headers["Content-Type"].startswith("application/json")
