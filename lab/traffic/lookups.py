"""What runs by itself all day: DNS look-ups and the clock."""

from __future__ import annotations

import asyncio
import random
import struct

from lab.traffic.datagrams import Address, Answering, Talk
from lab.traffic.services import Place
from lab.traffic.tally import Count

NAMES = ("www", "mail", "video", "cdn", "updates", "voice", "files", "telemetry")
ANSWER_S = 2.0
TYPE_A, TYPE_AAAA = 1, 28


class Resolver(Answering):
    """Knows every name."""

    def reply(self, data: bytes, addr: Address) -> bytes | None:
        """Answer a question for A or AAAA (RFC 1035)."""
        return answer(data)


class Clock(Answering):
    """Answers NTP clients."""

    def reply(self, data: bytes, addr: Address) -> bytes | None:
        """Return a server packet that echoes the client's time (RFC 5905)."""
        if len(data) < 48 or data[0] & 7 != 3:
            return None
        return b"\x24\x02\x06\xec" + bytes(20) + data[40:48] + bytes(16)


async def resolve(place: Place, chance: random.Random, count: Count) -> None:
    """Ask for one name, by A or AAAA, and rest."""
    name = f"{chance.choice(NAMES)}{chance.randrange(50)}.lab.example"
    wanted = chance.choice((TYPE_A, TYPE_AAAA))
    await _ask(place, "names", question(chance.getrandbits(16), name, wanted), count)
    await asyncio.sleep(chance.uniform(0.1, 0.8))


async def set_clock(place: Place, chance: random.Random, count: Count) -> None:
    """Ask for the time and rest."""
    await _ask(place, "clock", b"\x23" + bytes(39) + chance.randbytes(8), count)
    await asyncio.sleep(chance.uniform(2.0, 4.0))


def question(identity: int, name: str, wanted: int) -> bytes:
    """Build a DNS query with recursion desired."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack("!HHHHHH", identity, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!HH", wanted, 1)


def answer(query: bytes) -> bytes | None:
    """Answer a one-question query with one address; None when it is no such query."""
    end = query.find(b"\0", 12)
    if len(query) < 17 or query[2] & 0x80 or query[4:6] != b"\0\1" or len(query) < end + 5:
        return None
    (wanted,) = struct.unpack_from("!H", query, end + 1)
    addresses = {TYPE_A: bytes((198, 18, 0, 1)), TYPE_AAAA: b"\x20\x01\x0d\xb8" + bytes(12)}
    if end < 0 or wanted not in addresses:
        return None
    data = addresses[wanted]
    record = struct.pack("!HHHIH", 0xC00C, wanted, 1, 60, len(data)) + data
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12 : end + 5] + record


async def _ask(place: Place, name: str, data: bytes, count: Count) -> None:
    async with Talk(place, name, count) as talk:
        await talk.ask(data, ANSWER_S)
