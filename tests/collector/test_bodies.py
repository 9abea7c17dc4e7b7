"""Bodies in pieces, too long, too slow, or no JSON at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector import bodies
from collector.records import Busy, Refused
from tests.support.namespaces import wait_until

Read = Callable[[web.Request], Awaitable[Any]]
LIMIT = 10


async def sent(read: Read, data: Any, kind: str = "application/json") -> tuple[int, str]:
    """Return what a handler that reads bodies this way answers."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return web.Response(text=repr(await read(request)))
        except Refused as refusal:
            return web.Response(status=refusal.status, text=str(refusal))
        except Busy as busy:
            return web.Response(status=503, text=str(busy))

    app = web.Application()
    app.router.add_post("/", handle)
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/", data=data, headers={"Content-Type": kind})
        return answer.status, await answer.text()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0.01)
        yield part


def body(request: web.Request) -> Awaitable[bytes]:
    return bodies.read_body(request, LIMIT)


def found(request: web.Request) -> Awaitable[dict[str, Any]]:
    return bodies.read_object(request, LIMIT)


@pytest.mark.parametrize("data", [b"", b"a", b"a" * LIMIT])
async def test_a_body_within_the_bound_comes_whole(data: bytes):
    assert await sent(body, data) == (200, repr(data))


async def test_a_body_in_pieces_is_one_body():
    assert await sent(body, pieces(b"abc", b"", b"defghij")) == (200, "b'abcdefghij'")


async def test_a_body_beyond_the_bound_is_refused_announced_or_not():
    wanted = (413, "body is larger than 10 bytes")
    assert await sent(body, b"a" * (LIMIT + 1)) == wanted
    assert await sent(body, pieces(b"a" * LIMIT, b"a")) == wanted


async def test_a_body_that_stalls_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bodies, "SECONDS_MAX", 0.1)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.5)
        yield b"b"

    assert (await sent(body, stalled()))[0] == 408


@pytest.mark.parametrize(
    ("data", "kind", "status", "said"),
    [
        (b'{"a": 1}', "application/json", 200, "{'a': 1}"),
        (b"{}", "application/json; charset=utf-8", 200, "{}"),
        (b"{}", "text/plain", 415, "send application/json"),
        (b"[]", "application/json", 400, "send an object"),
        (b"{", "application/json", 400, "not JSON"),
        (b"", "application/json", 400, "not JSON"),
        (b"\xff", "application/json", 400, "not JSON"),
        (b'{"a": "bbbb"}', "application/json", 413, "body is larger than 10 bytes"),
    ],
)
async def test_objects(data: bytes, kind: str, status: int, said: str):
    assert await sent(found, data, kind) == (status, said)


async def test_uploads_together_are_bounded_and_what_has_ended_counts_no_more():
    uploads = bodies.Uploads(LIMIT, together=15)
    go_on = asyncio.Event()

    async def held(request: web.Request) -> int:
        async with uploads.read(request) as data:
            if data.startswith(b"wait"):
                await go_on.wait()
            return len(data)

    waiting = asyncio.ensure_future(sent(held, b"wait 6789A"))
    await asyncio.to_thread(wait_until, "an upload held", lambda: uploads.held >= LIMIT)
    assert await sent(held, b"12345") == (200, "5")
    assert (await sent(held, b"123456"))[0] == 503
    go_on.set()
    assert await waiting == (200, "10")
    assert await sent(held, b"123456") == (200, "6")
    assert (await sent(held, b"a" * 11))[0] == 413
    assert uploads.held == 0
