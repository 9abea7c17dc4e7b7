from __future__ import annotations

import asyncio
import random

import pytest

from lab.traffic import voice
from lab.traffic.datagrams import Answering
from lab.traffic.services import Place, service
from lab.traffic.tally import Count
from lab.traffic.voice import Media, Signalling, call, packet

PLACE = Place(("127.0.0.1",), 22_000)


def test_a_packet_is_rtp_of_20_ms() -> None:
    data = packet(65_537, 0xABCD, bytes(160))
    assert len(data) == 172
    assert data[0] >> 6 == 2
    assert data[1] == 8  # G.711 A-law
    assert int.from_bytes(data[2:4], "big") == 1
    assert int.from_bytes(data[4:8], "big") == 65_537 * 160
    assert int.from_bytes(data[8:12], "big") == 0xABCD


def test_a_server_remembers_only_so_many_callers(monkeypatch) -> None:
    monkeypatch.setattr("lab.traffic.voice.MOST_CALLS", 3)
    count = Count()
    media = Media(count)
    for port in range(10):
        assert media.reply(packet(1, 1, bytes(160)), ("192.0.2.1", port)) is not None
    assert count.sessions == 10
    assert len(media._sequences) == 3


async def serve(name: str, protocol: Answering) -> asyncio.BaseTransport:
    loop = asyncio.get_running_loop()
    address = PLACE.at(service(name))
    return (await loop.create_datagram_endpoint(lambda: protocol, local_addr=address))[0]


async def test_a_call_is_invited_spoken_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "FRAME_S", 0.0)
    far, near = Count(), Count()
    ends = [await serve("sip", Signalling(far)), await serve("rtp", Media(far))]
    await call(PLACE, random.Random(1), near)
    assert near.sent_bytes == far.received_bytes
    assert near.messages >= 202
    assert far.sessions == 1
    assert (near.errors, far.errors) == (0, 0)
    for end in ends:
        end.close()


async def test_a_call_nobody_takes_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "ANSWER_S", 0.05)
    with pytest.raises(TimeoutError):
        await call(PLACE, random.Random(1), Count())
