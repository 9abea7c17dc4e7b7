"""Interactive work: small requests, small answers, at a typist's pace."""

from __future__ import annotations

import asyncio
import random
import socket

from lab.traffic.services import Place, service
from lab.traffic.tally import Count

BANNER = b"SSH-2.0-WeirLab\r\n"
ANSWER_S = 5.0
LONGEST_BYTES = 4096


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Count
) -> None:
    """Greet, then answer every line of N with a screenful of some N bytes."""
    count.sessions += 1
    try:
        await _say(writer, BANNER, count)
        while line := await reader.readline():
            count.received_bytes += len(line)
            await _say(writer, b"." * (len(line) * 2) + b"\n", count)
    except (ConnectionError, ValueError):
        count.errors += 1
    finally:
        writer.close()


async def work(place: Place, chance: random.Random, count: Count) -> None:
    """Type for a while on one connection."""
    target = place.of("shell")
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    caller = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # Marked before it connects: the first packet is what a flow is known by.
        service("shell").mark(caller)
        await asyncio.get_running_loop().sock_connect(caller, target)
        reader, writer = await asyncio.open_connection(sock=caller, limit=LONGEST_BYTES)
    except BaseException:
        caller.close()
        raise
    try:
        await _say(writer, BANNER, count)
        await _hear(reader, count)
        await _hear(reader, count)
        for _ in range(chance.randrange(20, 120)):
            await _say(writer, b"k" * chance.randrange(20, 60) + b"\n", count)
            await _hear(reader, count)
            await asyncio.sleep(chance.uniform(0.04, 0.3))
    finally:
        writer.close()


async def _say(writer: asyncio.StreamWriter, data: bytes, count: Count) -> None:
    writer.write(data)
    await writer.drain()
    count.sent_bytes += len(data)
    count.messages += 1


async def _hear(reader: asyncio.StreamReader, count: Count) -> None:
    async with asyncio.timeout(ANSWER_S):
        line = await reader.readline()
    if not line:
        raise ConnectionResetError("the server hung up")
    count.received_bytes += len(line)
