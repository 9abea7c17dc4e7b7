from __future__ import annotations

import asyncio
import socket

import pytest

from lab.traffic.datagrams import Address, Answering, Talk
from lab.traffic.services import Place, service
from lab.traffic.tally import Count

PLACE = Place(("127.0.0.1",), 22_000)


class Backwards(Answering):
    def reply(self, data: bytes, addr: Address) -> bytes | None:
        return None if data == b"?" else data[::-1]


async def test_questions_are_answered_and_counted() -> None:
    far, near = Count(), Count()
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(
        lambda: Backwards(far), local_addr=PLACE.at(service("names"))
    )
    async with Talk(PLACE, "names", near) as talk:
        await talk.ask(b"abc", 2)
    async with Talk(PLACE, "names", near) as talk:
        with pytest.raises(TimeoutError):
            await talk.ask(b"?", 0.05)
    server.close()
    assert (near.sent_bytes, near.received_bytes, near.messages) == (4, 3, 2)
    assert (far.received_bytes, far.sent_bytes, far.errors) == (4, 3, 1)


async def test_a_closed_port_is_an_error_not_an_answer() -> None:
    count = Count()
    async with Talk(PLACE, "clock", count) as talk:
        with pytest.raises(TimeoutError):
            await talk.ask(b"x", 0.1)
    assert count.errors >= 1
    assert count.received_bytes == 0


@pytest.mark.parametrize(
    ("address", "level", "option"),
    [
        ("127.0.0.1", socket.IPPROTO_IP, socket.IP_TOS),
        ("::1", socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
    ],
)
async def test_sockets_are_marked(address: str, level: int, option: int) -> None:
    async with Talk(Place((address,), 22_000), "rtp", Count()) as talk:
        endpoint = talk._transport.get_extra_info("socket")
        assert endpoint.getsockopt(level, option) == 46 << 2
