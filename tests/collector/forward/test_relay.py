"""A relay hands on byte for byte, and keeps nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.forward.relay import PATHS, Relay
from collector.records import Busy, Refused
from tests.collector.support import KIND, Server, batch, body, headers, token


def test_a_relay_hands_on_everything_and_stores_nothing(guarded: Server, tmp_path: Path):
    secret = token(guarded, "--agent", "far")
    relay = Server(tmp_path / "data", "--backend-url", guarded.url).start()
    try:
        for number, coding in enumerate(("zstd", "gzip", "identity"), 1):
            answer = relay.post(batch(number, agent="far"), secret, coding)
            assert answer.status == 200, answer.data
            assert answer.json["sketches_stored"] == 3
        again = guarded.post(batch(1, agent="far"), secret)
        assert again.json["duplicate"] is True
        data = json.dumps({"switch_id": "far", "sketches": []}).encode()
        fields = {**KIND, "Authorization": f"Bearer {secret}"}
        assert relay.request("POST", "/api/edge/sketches", data, fields).status == 200
        assert relay.post(batch(9, agent="far"), "weir_wrong").status == 401
        assert relay.post(batch(9, agent="near"), secret).status == 403
        assert relay.get("/api/batches").json["count"] == 0
        figures = relay.get("/metrics").json
        assert (figures["total_forwarded"], figures["total_received"]) == (4, 4)
        assert figures["metrics"]["weir_collector_relayed_total"] == [
            {"outcome": "forwarded", "value": 4}, {"outcome": "failed", "value": 0},
        ]  # fmt: skip
        guarded.settled()
        field = {"Authorization": f"Bearer {token(guarded, '--api', 'r')}"}
        found = guarded.get("/api/batches?agents=far", field).json["batches"]
        assert [row["sequence"] for row in found if row["form"] == "msgpack"] == [1, 2, 3]
    finally:
        relay.kill()


def test_a_relay_without_its_backend_asks_to_come_back(tmp_path: Path):
    server = Server(tmp_path / "data", "--backend-url", "http://127.0.0.1:9")
    server.start(path="/health/live")
    try:
        assert "127.0.0.1:9 does not answer" in server.reason()
        one = batch(1)
        answer = server.request(
            "POST", "/api/edge/sketches/binary", body(one), headers(one)
        )
        assert (answer.status, answer.headers["Retry-After"]) == (503, "15")
    finally:
        assert server.stop() == 0


@dataclass
class Behind:
    """A collector behind the relay, and what it has heard."""

    server: TestServer
    heard: list[tuple[dict[str, str], bytes]]


async def behind(status: int, fields: dict[str, str], body: bytes) -> Behind:
    async def handle(request: web.Request) -> web.Response:
        found.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=status, body=body, headers=fields)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    server = TestServer(app)
    found = Behind(server, [])
    await server.start_server(auto_decompress=False)
    return found


async def relayed(url: str, limit: int = 100) -> tuple[Relay, TestClient]:
    relay, app = Relay(url, limit), web.Application()
    for route in relay.routes():
        app.router.add_route(route.method, route.path, answered(route.handler))
    server = TestServer(app)
    await server.start_server(auto_decompress=False)
    client = TestClient(server)
    return relay, client


def answered(handler: Any) -> Any:
    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Refused as refusal:
            return web.Response(status=refusal.status)
        except Busy as busy:
            return web.Response(status=503, text=str(busy))

    return handle


@pytest.mark.parametrize(
    ("status", "forwarded"), [(200, 1), (401, 0), (409, 0), (503, 0), (302, 0)]
)
async def test_the_answer_behind_is_the_answer_and_chosen_headers_pass(
    status: int, forwarded: int
):
    back = {"Retry-After": "7", "Set-Cookie": "a=b", "Location": "http://evil.example"}
    beyond = await behind(status, back, b"said")
    relay, client = await relayed(str(beyond.server.make_url("")).rstrip("/"))
    sent = {"Authorization": "Bearer x", "Cookie": "secret", "X-Weir-Boot": "00",
            "Content-Encoding": "zstd", "Content-Type": "application/msgpack"}  # fmt: skip
    answer = await client.post(PATHS[0], data=b"\x28\xb5 not zstd", headers=sent)
    assert (answer.status, await answer.read()) == (status, b"said")
    assert answer.headers["Retry-After"] == "7"
    assert "Set-Cookie" not in answer.headers
    assert "Location" not in answer.headers
    ((fields, body),) = beyond.heard
    assert body == b"\x28\xb5 not zstd"
    assert (fields["Authorization"], fields["X-Weir-Boot"]) == ("Bearer x", "00")
    assert "Cookie" not in fields
    assert (relay.forwarded, relay.failed) == (forwarded, 0)
    await client.close()
    await relay.close()
    await beyond.server.close()


async def test_a_long_answer_comes_back_whole():
    text = bytes(range(256)) * 2000
    back = await behind(200, {"Content-Type": "application/json"}, text)
    relay, client = await relayed(str(back.server.make_url("")))
    answer = await client.post(PATHS[0], data=b"x")
    assert await answer.read() == text
    await relay.close()
    await client.close()
    await back.server.close()


async def test_a_relay_is_as_ready_as_the_collector_behind():
    status = 200

    async def health(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/health", health)
    server = TestServer(app)
    await server.start_server()
    relay = Relay(str(server.make_url("")).rstrip("/"), 100)
    await relay.try_backend()
    assert relay.failing == ""
    status = 503
    await relay.try_backend()
    assert "is not ready" in relay.failing
    status = 200
    await relay.try_backend()
    assert relay.failing == ""
    await server.close()
    await relay.try_backend()
    assert "does not answer" in relay.failing
    await relay.close()


async def test_too_long_goes_nowhere_and_nobody_behind_is_busy():
    relay, client = await relayed("http://127.0.0.1:9", limit=3)
    assert (await client.post(PATHS[2], data=b"1234")).status == 413
    assert (relay.forwarded, relay.failed) == (0, 0)
    answer = await client.post(PATHS[2], data=b"123")
    assert answer.status == 503
    assert "127.0.0.1:9 does not answer" in await answer.text()
    assert relay.failed == 1
    await client.close()
    await relay.close()


async def test_closing_what_was_never_opened():
    await Relay("http://127.0.0.1:9", 1).close()
