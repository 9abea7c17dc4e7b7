from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from agent.status.api import Route
from agent.status.client import AgentError, Client
from agent.status.server import (
    BODY_BYTES_MAX,
    ServeError,
    application,
    read_object,
    serve_tcp,
    serve_unix,
)


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"got": await read_object(request)})


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "starting"}, status=503)


ROUTES = (Route("POST", "/echo", "", echo), Route("GET", "/health", "", health))


def app(token: str | None = None) -> web.Application:
    return application(ROUTES, {"service": "x"}, None if token is None else lambda: token)


@pytest.mark.parametrize(
    ("header", "path", "status"),
    [
        ({}, "/", 401),
        ({"Authorization": "Bearer wrong"}, "/", 401),
        ({"Authorization": "Bearer right "}, "/", 200),  # HTTP trims the end of a value
        ({"Authorization": "Bearer right"}, "/", 200),
        ({"Authorization": "Bearer ÿ"}, "/", 401),
        ({}, "/health", 503),
        ({}, "/nothing", 401),
    ],
)
async def test_with_a_token_nothing_but_health_is_open(header, path, status):
    async with TestClient(TestServer(app("right"))) as client:
        assert (await client.get(path, headers=header)).status == status


async def test_an_empty_token_lets_nobody_in():
    async with TestClient(TestServer(app(""))) as client:
        response = await client.get("/", headers={"Authorization": "Bearer "})
        assert response.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 200),
        (b"[]", 400),
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b" " * (BODY_BYTES_MAX + 1), 413),
    ],
)
async def test_bodies_are_objects_of_bounded_size(body, status):
    async with TestClient(TestServer(app())) as client:
        response = await client.post("/echo", data=body)
        assert response.status == status


async def test_the_client_asks_over_the_socket(tmp_path):
    runner = await serve_unix(app(), tmp_path / "run")
    client = Client(tmp_path / "run")
    assert (await asyncio.to_thread(client.get, "/"))["service"] == "x"
    assert await asyncio.to_thread(client.get, "/health") == {"status": "starting"}
    echoed = await asyncio.to_thread(client.ask, "POST", "/echo", {"a": 1})
    assert echoed == {"got": {"a": 1}}
    with pytest.raises(AgentError, match="^/nothing: Not Found$"):
        await asyncio.to_thread(client.get, "/nothing")
    assert (tmp_path / "run" / "agent.sock").stat().st_mode & 0o777 == 0o660
    await runner.cleanup()


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "agent.sock"))
    runner = await serve_unix(app(), tmp_path)
    with pytest.raises(ServeError, match="in use: stop the other agent"):
        await serve_unix(app(), tmp_path)
    assert (await asyncio.to_thread(Client(tmp_path).get, "/"))["service"] == "x"
    await runner.cleanup()


async def test_a_place_that_cannot_be_served_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ServeError, match="see to runtime_dir"):
        await serve_unix(app(), tmp_path / "file")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"api_host 127.0.0.1, api_port {port}: "):
            await serve_tcp(app(), "127.0.0.1", port)
