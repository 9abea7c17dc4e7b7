from __future__ import annotations

import asyncio
import socket

import pytest

from lab.traffic.serve import serve
from lab.traffic.services import SERVICES, Place
from lab.traffic.tally import Tally


async def test_every_service_listens_until_told_to_stop() -> None:
    place = Place(("127.0.0.1", "127.0.0.2"), 23_000)
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.ensure_future(serve([place], 1e6, stop, ready.set))
    await asyncio.wait_for(ready.wait(), 5)
    for service in SERVICES:
        kind = socket.SOCK_STREAM if service.transport == "tcp" else socket.SOCK_DGRAM
        with (
            socket.socket(socket.AF_INET, kind) as probe,
            pytest.raises(OSError, match="in use"),
        ):
            probe.bind(place.at(service))
    stop.set()
    assert isinstance(await asyncio.wait_for(serving, 5), Tally)
    for service in SERVICES:
        kind = socket.SOCK_STREAM if service.transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(place.at(service))


async def test_what_cannot_be_bound_closes_what_could() -> None:
    place = Place(("127.0.0.1",), 23_000)
    with socket.create_server(place.of("files")):
        with pytest.raises(OSError, match="files: cannot listen on 127.0.0.1 port 31080"):
            await serve([place], 1e6, asyncio.Event(), lambda: None)
        with socket.create_server(place.of("pages")):
            pass
