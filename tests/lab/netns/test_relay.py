from __future__ import annotations

import asyncio
import socket

import pytest

from lab.netns import namespace
from lab.netns.relay import MOST_CONNECTIONS, relay
from tests.support.namespaces import World

pytestmark = pytest.mark.root


@pytest.fixture
def space(netns: World) -> str:
    return netns.namespace("x").name


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")
    writer.close()


def connect(space: str, port: int) -> socket.socket:
    with namespace.entered(space):
        caller = socket.socket()
        caller.settimeout(10)
        try:
            caller.connect(("127.0.0.1", port))
        except OSError:
            caller.close()
            raise
    return caller


def exchange(caller: socket.socket, data: bytes) -> bytes:
    """Send all, half-close, read until the end: both halves must pass the relay."""
    caller.sendall(data)
    caller.shutdown(socket.SHUT_WR)
    parts = []
    while part := caller.recv(65_536):
        parts.append(part)
    caller.close()
    return b"".join(parts)


async def test_bytes_pass_both_ways_and_ends_are_told(space: str) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, relay(space, port):
        for size in (0, 1, 100_000):
            caller = await asyncio.to_thread(connect, space, port)
            told = await asyncio.to_thread(exchange, caller, b"x" * size)
            assert told == b"x" * size + b"bye"


async def test_nobody_listening_closes_the_connection(space: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with relay(space, port):
        caller = await asyncio.to_thread(connect, space, port)
        assert await asyncio.to_thread(exchange, caller, b"") == b""


async def test_closing_ends_open_connections(space: str) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with relay(space, port):
            caller = await asyncio.to_thread(connect, space, port)
            caller.sendall(b"hello")
            assert await asyncio.to_thread(caller.recv, 5) == b"hello"
        assert await asyncio.to_thread(caller.recv, 5) in (b"", b"bye")
        caller.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(connect, space, port)


async def test_connections_are_bounded(space: str) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, relay(space, port):
        callers = []
        for _ in range(MOST_CONNECTIONS):
            callers.append(await asyncio.to_thread(connect, space, port))
            callers[-1].sendall(b"hello")
            assert await asyncio.to_thread(callers[-1].recv, 5) == b"hello"
        late = await asyncio.to_thread(connect, space, port)
        assert await asyncio.to_thread(late.recv, 5) == b""
        for caller in (*callers, late):
            caller.close()
