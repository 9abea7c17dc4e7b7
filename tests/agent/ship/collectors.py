"""A collector for tests: answers as it is told, keeps what it committed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from wire import frame

Say = Callable[[], web.Response]


class Collector:
    """`says` are the next answers, in order; without one it stores, once, and says ok."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.says: list[Any] = []
        self.is_ready = True
        self.stored: list[tuple[str, int]] = []
        self.bodies: list[bytes] = []
        self.requests: list[web.Request] = []
        self.probes = 0
        self.live: list[Any] = []
        self.arrived = asyncio.Event()
        self.health_seen: Callable[[web.Request], object] = id
        app = web.Application(client_max_size=32 << 20)
        app.router.add_post("/api/edge/sketches/binary", self.upload)
        app.router.add_post("/api/edge/live", self.sample)
        app.router.add_get("/health", self.health)
        app.router.add_get("/elsewhere", self.health)
        self.server = TestServer(app, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self.server.scheme = "https" if tls else "http"
        await self.server.start_server(ssl=tls, auto_decompress=False)

    async def health(self, request: web.Request) -> web.Response:
        self.probes += 1
        self.health_seen(request)
        status = "ok" if self.is_ready else "starting"
        return web.json_response({"status": status}, status=200 if self.is_ready else 503)

    async def sample(self, request: web.Request) -> web.Response:
        self.live.append(await request.json())
        return web.json_response({"status": "ok"})

    async def upload(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        say = self.says.pop(0) if self.says else None
        if say == "reset":
            drop(request)
            return web.Response()
        if say == "silence":
            await asyncio.sleep(30)
        if callable(say):
            return say()
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return refusal(401, "unknown token")()
        response = await self.commit(request)
        if say == "commit, then reset":
            drop(request)
        if say == "commit, then silence":
            await asyncio.sleep(30)
        return response

    async def commit(self, request: web.Request) -> web.Response:
        body = frame.decompress(
            await request.read(), request.headers.get("Content-Encoding", "identity")
        )
        name = (request.headers["X-Weir-Boot"], int(request.headers["X-Weir-Sequence"]))
        duplicate = name in self.stored
        if not duplicate:
            self.stored.append(name)
            self.bodies.append(body)
        self.arrived.set()
        return web.json_response({"status": "ok", "duplicate": duplicate})


def refusal(status: int, reason: str, **headers: str) -> Say:
    """A collector's own words."""
    body = {"status": "error", "error": reason}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.json_response(body, status=status, headers=named)


def page(status: int, body: bytes = b"<html>please sign in</html>", **headers: str) -> Say:
    """Somebody else's words."""
    return lambda: web.Response(status=status, body=body, headers=headers)


def drop(request: web.Request) -> None:
    """Cut the connection, as a crash would."""
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    request.transport.abort()
