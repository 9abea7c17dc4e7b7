"""UDP at both ends: a server that answers, a client that asks once."""

from __future__ import annotations

import asyncio
from typing import cast

from lab.traffic.services import Place, service
from lab.traffic.tally import Count

Address = tuple[str, int]


class Answering(asyncio.DatagramProtocol):
    """A server that answers each datagram with what `reply` makes of it; None: nothing."""

    transport: asyncio.DatagramTransport

    def __init__(self, count: Count) -> None:
        self.count = count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer, or count what cannot be understood."""
        self.count.received_bytes += len(data)
        answer = self.reply(data, addr)
        if answer is None:
            self.count.errors += 1
            return
        self.transport.sendto(answer, addr)
        self.count.sent_bytes += len(answer)
        self.count.messages += 1

    def reply(self, data: bytes, addr: Address) -> bytes | None:
        """Return the answer."""
        raise NotImplementedError


class Ear(asyncio.DatagramProtocol):
    """A client's socket: counts what comes and tells when something did."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self.heard = asyncio.Event()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Count."""
        self._count.received_bytes += len(data)
        self.heard.set()

    def error_received(self, exc: Exception) -> None:
        """Count what ICMP told."""
        self._count.errors += 1


class Talk:
    """A client's UDP socket towards one service, as an async context."""

    def __init__(self, place: Place, name: str, count: Count) -> None:
        self._target = place.of(name)
        self._service = service(name)
        self._count = count

    async def __aenter__(self) -> Talk:
        loop = asyncio.get_running_loop()
        transport, self.ear = await loop.create_datagram_endpoint(
            lambda: Ear(self._count), remote_addr=self._target
        )
        self._transport = transport
        self._service.mark(transport.get_extra_info("socket"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        self._transport.sendto(data)
        self._count.sent_bytes += len(data)
        self._count.messages += 1

    async def ask(self, data: bytes, patience_s: float) -> None:
        """Send and wait for an answer. TimeoutError."""
        self.send(data)
        async with asyncio.timeout(patience_s):
            await self.ear.heard.wait()
