"""The server's process: every service on its address and port, until the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial

from aiohttp import web

from lab.traffic import dialogue, lookups, streams, voice
from lab.traffic.pacing import Pace
from lab.traffic.services import SERVICES, Place, Service
from lab.traffic.tally import Tally

DATAGRAMS = {
    "sip": voice.Signalling,
    "rtp": voice.Media,
    "names": lookups.Resolver,
    "clock": lookups.Clock,
}
GOODBYE_S = 1.0


async def serve(
    places: list[Place], rate_bps: float, stop: asyncio.Event, ready: Callable[[], None]
) -> Tally:
    """Offer every service at every place, all HTTP together at most rate_bps, until `stop`.

    Returns what was moved. OSError names the address that could not be bound.
    """
    tally = Tally()
    limit = Pace(rate_bps)
    async with AsyncExitStack() as stack:
        for place in places:
            for service in SERVICES:
                await _offer(stack, service, place, tally, limit)
        ready()
        await stop.wait()
    return tally


async def _offer(
    stack: AsyncExitStack, service: Service, place: Place, tally: Tally, limit: Pace
) -> None:
    host, port = place.at(service)
    count = tally[service.traffic_class]
    loop = asyncio.get_running_loop()
    try:
        if service.transport == "udp":
            protocol = partial(DATAGRAMS[service.name], count)
            transport, _ = await loop.create_datagram_endpoint(
                protocol, local_addr=(host, port)
            )
            stack.callback(transport.close)
            service.mark(transport.get_extra_info("socket"))
        elif service.name == "shell":
            handler = partial(dialogue.serve, count=count)
            server = await asyncio.start_server(handler, host, port)
            service.mark(server.sockets[0])
            stack.push_async_callback(_close, server)
        else:
            runner = web.AppRunner(
                streams.application(count, limit),
                access_log=None,
                shutdown_timeout=GOODBYE_S,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise OSError(
            error.errno,
            f"{service.name}: cannot listen on {host} port {port}: {error.strerror}",
        ) from error


async def _close(server: asyncio.Server) -> None:
    server.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await server.wait_closed()
