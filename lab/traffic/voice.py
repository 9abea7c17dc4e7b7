"""Calls: a SIP-like invitation, then RTP-like datagrams every 20 ms both ways."""

from __future__ import annotations

import asyncio
import random
import struct
import time

from lab.traffic.datagrams import Address, Answering, Talk
from lab.traffic.pacing import sleep_until
from lab.traffic.services import Place
from lab.traffic.tally import Count

FRAME_S = 0.02
SAMPLES = 160  # of 20 ms at 8 kHz: one byte each, as G.711 has it
MOST_CALLS = 1024
"""Callers that the server keeps a sequence number for; the oldest makes room."""

ANSWER_S = 2.0


class Media(Answering):
    """The server's end of calls: for every voice packet it sends one of its own back."""

    def __init__(self, count: Count) -> None:
        super().__init__(count)
        self._sequences: dict[Address, int] = {}

    def reply(self, data: bytes, addr: Address) -> bytes | None:
        """Return the next packet of the server's own voice."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return None
        if addr not in self._sequences:
            self.count.sessions += 1
            if len(self._sequences) >= MOST_CALLS:
                del self._sequences[next(iter(self._sequences))]
        sequence = self._sequences[addr] = self._sequences.get(addr, 0) + 1
        return packet(sequence, 0x5E12E, b"\xd5" * (len(data) - 12))


class Signalling(Answering):
    """The server's switchboard: every invitation is accepted, every goodbye confirmed."""

    def reply(self, data: bytes, addr: Address) -> bytes | None:
        """Return 200 with the request's own headers (RFC 3261)."""
        lines = [line for line in data.split(b"\r\n") if line]
        if not lines or not lines[0].endswith(b"SIP/2.0"):
            return None
        return b"\r\n".join([b"SIP/2.0 200 OK", *lines[1:], b"", b""])


async def call(place: Place, chance: random.Random, count: Count) -> None:
    """Call for a while; an invitation without an answer raises TimeoutError."""
    identity = f"{chance.getrandbits(64):x}"
    await _signal(place, count, "INVITE", identity)
    async with Talk(place, "rtp", count) as talk:
        source = chance.getrandbits(32)
        due = time.monotonic()
        for sequence in range(chance.randrange(200, 1500)):
            talk.send(packet(sequence, source, chance.randbytes(SAMPLES)))
            due += FRAME_S
            await sleep_until(due)
        if not talk.ear.heard.is_set():
            raise TimeoutError("the other side stayed silent")
    await _signal(place, count, "BYE", identity)
    await asyncio.sleep(chance.uniform(0.2, 1.0))


def packet(sequence: int, source: int, sound: bytes) -> bytes:
    """Build an RTP packet (RFC 3550) of G.711 sound."""
    header = struct.pack(
        "!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * SAMPLES & 0xFFFFFFFF, source
    )
    return header + sound


async def _signal(place: Place, count: Count, method: str, identity: str) -> None:
    host, _ = place.of("sip")
    lines = (
        f"{method} sip:lab@{host} SIP/2.0",
        f"Call-ID: {identity}",
        f"CSeq: 1 {method}",
        "From: <sip:client@lab>",
        f"To: <sip:lab@{host}>",
        "Content-Length: 0",
    )
    message = ("\r\n".join(lines) + "\r\n\r\n").encode()
    async with Talk(place, "sip", count) as talk:
        await talk.ask(message, ANSWER_S)
