"""WebSocket /api/live: every second the live picture to every browser that keeps up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from collector.api import history
from collector.api.gate import Gate
from collector.api.live import LiveHub
from collector.bodies import read_json
from collector.records import Principal, Refused, Route

LOG: Final = logging.getLogger("collector.api.live")
CHANNELS: Final = ("traffic-update", "traffic-by-type", "throughput")
CLIENTS_MAX: Final = 200
QUEUE_MAX: Final = 15
"""Messages waiting for one client: five seconds' worth, then it is dropped as too slow."""
HEARTBEAT_SECONDS: Final = 20.0
RECHECK_SECONDS: Final = 20.0
"""Who signs out, or loses the user or the token, sees nothing more after this."""
MESSAGE_BYTES_MAX: Final = 4096
SAMPLE_BYTES_MAX: Final = 256 * 1024

Run = Callable[..., Awaitable[Any]]
"""Runs work on a reader thread."""


@dataclass(slots=True)
class Client:
    """One open connection."""

    id: str
    name: str
    remote: str
    since: float
    channels: set[str] = field(default_factory=lambda: set(CHANNELS))
    queue: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    abort: Callable[[], None] = lambda: None
    is_dropped: bool = False


class LiveSocket:
    """Handlers of the live picture, and the message of each second."""

    def __init__(
        self, hub: LiveHub, gate: Gate, run: Run, clock: Callable[[], float]
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._run = run
        self._clock = clock
        self._clients: dict[str, Client] = {}
        self._history = history.History()
        self.dropped = 0

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this module."""
        return (
            Route("POST", "/api/edge/live", "agent", "One live sample, for memory.",
                  self.sample, "agent"),
            Route("GET", "/api/live", "viewer", "WebSocket: the live picture each second.",
                  self.connect),
            Route("GET", "/api/live/clients", "admin", "Who watches the live picture.",
                  self.clients),
            Route("GET", "/api/live/throughput", "viewer",
                  "The newest rates by interface and class.", self.throughput),
            Route("GET", "/api/live/history", "viewer",
                  "Rates of the last five minutes, second by second.", self.history),
        )  # fmt: skip

    async def sample(self, request: web.Request) -> web.Response:
        """Answer POST /api/edge/live."""
        body = await read_json(request, SAMPLE_BYTES_MAX)
        self._hub.post(body, agent_of(request["principal"], body), self._clock())
        return web.json_response({"status": "ok"})

    async def throughput(self, request: web.Request) -> web.Response:
        """Answer GET /api/live/throughput."""
        now = self._clock()
        return web.json_response(
            {"timestamp": now, "interfaces": self._hub.throughput(now)}
        )

    async def history(self, request: web.Request) -> web.Response:
        """Answer GET /api/live/history."""
        held = self._history.copy(self._clock())
        may_pack = "gzip" in request.headers.get("Accept-Encoding", "")
        body = await self._run(history.body_of, held, may_pack)
        coding = {"Content-Encoding": "gzip"} if may_pack else {}
        return web.Response(body=body, content_type="application/json", headers=coding)

    async def clients(self, request: web.Request) -> web.Response:
        """Answer GET /api/live/clients."""
        rows = [
            {
                "client_id": one.id,
                "user": one.name,
                "remote": one.remote,
                "since": one.since,
                "channels": sorted(one.channels),
                "waiting": one.queue.qsize(),
            }
            for one in self._clients.values()
        ]
        return web.json_response({"count": len(rows), "clients": rows})

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Answer GET /api/live: one browser, until it leaves or falls behind."""
        self._gate.check_origin(request)
        if len(self._clients) >= CLIENTS_MAX:
            raise Refused(503, f"{CLIENTS_MAX} clients watch already", retry_after=30)
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=MESSAGE_BYTES_MAX, compress=False
        )
        if not socket.can_prepare(request):
            raise Refused(400, "this path speaks WebSocket only")
        await socket.prepare(request)
        now = self._clock()
        client = Client(
            secrets.token_hex(8), request["principal"].name, request.remote or "", now
        )
        client.queue.put_nowait(
            message("connected", {"client_id": client.id, "timestamp": now})
        )
        if request.transport is not None:
            client.abort = request.transport.abort
        self._clients[client.id] = client
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [
                    tasks.create_task(send(socket, client)),
                    tasks.create_task(self._watch(request, socket)),
                ]
                await self._listen(socket, client)
                for one in others:
                    one.cancel()
        finally:
            self._clients.pop(client.id, None)
        return socket

    async def _watch(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        """End the connection when who opened it may no longer look."""
        while await self._gate.still_may(request, "viewer"):  # noqa: ASYNC110 - asked anew
            await asyncio.sleep(RECHECK_SECONDS)
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"signed out")

    async def _listen(self, socket: web.WebSocketResponse, client: Client) -> None:
        """Take what a browser says until the connection ends."""
        async for said in socket:
            if said.type is WSMsgType.TEXT:
                self._offer(client, answer(said.data, client.channels))
            if client.is_dropped:
                break

    def remember(self) -> None:
        """Keep this second's rates, whether anybody watches or not."""
        now = self._clock()
        self._history.add(now, self._hub.throughput(now))

    def push(self, update: Mapping[str, Any], by_type: Mapping[str, Any]) -> None:
        """Queue this second's messages; drop clients whose queue is full."""
        now = self._clock()
        texts = {
            "traffic-update": message("traffic-update", {"timestamp": now, **update}),
            "traffic-by-type": message("traffic-by-type", {"timestamp": now, **by_type}),
            "throughput": message(
                "throughput", {"timestamp": now, "interfaces": self._hub.throughput(now)}
            ),
        }
        for client in list(self._clients.values()):
            for channel, text in texts.items():
                if channel in client.channels:
                    self._offer(client, text)

    def _offer(self, client: Client, text: str) -> None:
        """Queue a message; a client whose queue is full is cut off at once."""
        if client.is_dropped:
            return
        try:
            client.queue.put_nowait(text)
        except asyncio.QueueFull:
            client.is_dropped = True
            self.dropped += 1
            self._clients.pop(client.id, None)
            client.abort()
            LOG.warning("live client %s is too slow: dropped", client.id)

    @property
    def watching(self) -> int:
        """How many clients are connected."""
        return len(self._clients)


def agent_of(principal: Principal, body: Any) -> str:
    """Return whose sample this is: the token's owner; without tokens, who it says."""
    if principal.role == "agent":
        return principal.name
    name = body.get("switch_id") if isinstance(body, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise Refused(400, "switch_id: 1 to 128 characters")
    return name


async def send(socket: web.WebSocketResponse, client: Client) -> None:
    """Write a client's messages as fast as it reads, until its connection ends."""
    with contextlib.suppress(ConnectionError):
        while not client.is_dropped:
            await socket.send_str(await client.queue.get())


def answer(said: str, channels: set[str]) -> str:
    """Apply subscribe and unsubscribe; return what the client is told."""
    try:
        request = json.loads(said)
        kind, channel = request["type"], request["channel"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return message("error", {"error": "send {type: subscribe|unsubscribe, channel}"})
    if channel not in CHANNELS or kind not in ("subscribe", "unsubscribe"):
        return message("error", {"error": f"channels: {', '.join(CHANNELS)}"})
    if kind == "subscribe":
        channels.add(channel)
    else:
        channels.discard(channel)
    return message(f"{kind}d", {"channel": channel})


def message(kind: str, values: Mapping[str, Any]) -> str:
    """Return a message's text."""
    return json.dumps({"type": kind, **values})
