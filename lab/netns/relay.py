"""A door for one port: who connects inside a namespace reaches this machine's loopback.

No link leads out of the lab, so the machine's own interfaces stay as they are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from lab.netns import namespace

LOOPBACK = "127.0.0.1"
MOST_CONNECTIONS = 64
"""An agent uses one; beyond this somebody loops."""

CHUNK_BYTES = 65_536


@asynccontextmanager
async def relay(space: str, port: int) -> AsyncIterator[None]:
    """Pass connections to 127.0.0.1:port inside the namespace on to that port outside."""
    listener = await asyncio.to_thread(_listen, space, port)
    links = _Links(port)
    server = await asyncio.start_server(links.serve, sock=listener)
    try:
        yield
    finally:
        server.close()
        for task in tuple(links.open):
            task.cancel()
        await asyncio.gather(*links.open, return_exceptions=True)


class _Links:
    def __init__(self, port: int) -> None:
        self._port = port
        self.open: set[asyncio.Task[None]] = set()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self.open) >= MOST_CONNECTIONS:
            writer.close()
            return
        self.open.add(task)
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._port)
            writers.append(far_writer)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        except OSError:
            pass  # Either side may go at any time; the other is told below.
        except asyncio.CancelledError:
            pass  # The relay closes; the stream's own callback must not see it.
        finally:
            self.open.discard(task)
            for one in writers:
                one.close()
            for one in writers:
                with suppress(OSError):
                    await one.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _listen(space: str, port: int) -> socket.socket:
    with namespace.entered(space):
        return socket.create_server((LOOPBACK, port))
