"""The live picture over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.api import gate as gates, socket
from collector.api.live import LiveHub
from collector.api.socket import CHANNELS, SAMPLE_BYTES_MAX, agent_of, answer
from collector.records import Principal, Refused
from tests.collector.support import Server


async def live_messages(url: str, seconds: float, **fields: str) -> list[dict[str, object]]:
    found = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=fields) as line,
    ):
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            try:
                found.append(json.loads((await line.receive(timeout=rest)).data))
            except TimeoutError:
                break
    return found


async def test_the_live_picture_moves_each_second(shared: Server):
    def sample(number: int) -> bytes:
        volume = {"frames": number, "packets": number, "bytes": number * 125_000}
        one = {"name": "eth0", "rx": {**volume, "classes": {"web": volume}},
               "tx": {"frames": 0, "packets": 0, "bytes": 0}}  # fmt: skip
        return json.dumps(
            {"switch_id": "live-1", "now_ns": time.time_ns(), "interfaces": [one]}
        ).encode()

    async def agent() -> None:
        for number in range(5):
            answer = await asyncio.to_thread(
                shared.request, "POST", "/api/edge/live", sample(number)
            )
            assert answer.status == 200
            await asyncio.sleep(0.5)

    url = shared.url.replace("http", "ws") + "/api/live"
    messages, _ = await asyncio.gather(live_messages(url, 3.5), agent())
    assert messages[0]["type"] == "connected"
    kinds = [message["type"] for message in messages]
    assert kinds.count("traffic-update") >= 3
    rates = [
        one for message in messages if message["type"] == "throughput"
        for one in message["interfaces"] if one["agent"] == "live-1"
    ]  # fmt: skip
    assert rates
    assert rates[-1]["rx"]["bps"] == pytest.approx(2e6, rel=0.3)
    assert rates[-1]["rx"]["classes"]["web"]["bps"] == rates[-1]["rx"]["bps"]
    last = [message for message in messages if message["type"] == "traffic-by-type"][-1]
    assert last["background"]["avg_throughput"] == pytest.approx(2, rel=0.3)
    past = shared.get("/api/live/history").json
    (kept,) = [one for one in past["interfaces"] if one["agent"] == "live-1"]
    heard = [bps for bps in kept["rx"]["classes"]["web"] if bps]
    assert heard[-1] == pytest.approx(rates[-1]["rx"]["bps"], abs=1)
    assert len(past["times"]) == len(kept["rx"]["bps"]) >= 3


async def test_channels_and_wrong_origins(shared: Server):
    url = shared.url.replace("http", "ws") + "/api/live"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as line:
            assert (await line.receive_json())["type"] == "connected"
            for said, kind in (
                ('{"type": "unsubscribe", "channel": "throughput"}', "unsubscribed"),
                ('{"type": "subscribe", "channel": "throughput"}', "subscribed"),
                ('{"type": "subscribe", "channel": "nosuch"}', "error"),
                ("[" * 3000, "error"),
            ):
                await line.send_str(said)
                answer = await line.receive_json(timeout=3)
                while answer["type"] in ("throughput", "traffic-update", "traffic-by-type"):
                    answer = await line.receive_json(timeout=3)
                assert answer["type"] == kind
            (client,) = shared.get("/api/live/clients").json["clients"]
            assert client["channels"] == ["throughput", "traffic-by-type", "traffic-update"]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await session.ws_connect(url, headers={"Origin": "http://evil.example"})
        assert refusal.value.status == 403


async def test_a_stalled_client_is_dropped_and_the_other_goes_on(shared: Server):
    url = shared.url.replace("http", "ws") + "/api/live"
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.port, limit=1024)
    writer.write(
        b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await writer.drain()
    await reader.readline()
    # Small questions, each answered: what comes back is never read, and so piles up.
    question = b'{"type": "subscribe", "channel": "throughput"}'
    mask = bytes(4)
    framed = bytes([0x81, 0x80 | len(question)]) + mask + question

    async def flood() -> None:
        with contextlib.suppress(OSError):
            for _ in range(4000):
                writer.write(framed * 100)
                await asyncio.wait_for(writer.drain(), 5)

    flooding = asyncio.ensure_future(flood())
    messages = await live_messages(url, 4)
    kinds = [message["type"] for message in messages]
    assert kinds.count("throughput") >= 3
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    metrics = (await asyncio.to_thread(shared.get, "/metrics")).json["metrics"]
    assert metrics["weir_collector_live_dropped_total"][0]["value"] >= 1
    writer.close()


@pytest.mark.parametrize(
    ("said", "kind", "left"),
    [
        ('{"type": "subscribe", "channel": "throughput"}', "subscribed", 3),
        ('{"type": "unsubscribe", "channel": "throughput"}', "unsubscribed", 2),
        ('{"type": "subscribe", "channel": "x"}', "error", 3),
        ('{"type": "close", "channel": "throughput"}', "error", 3),
        ('{"type": ["subscribe"], "channel": {}}', "error", 3),
        ("", "error", 3), ("[]", "error", 3), ("{}", "error", 3), ("null", "error", 3),
        ("[" * 4000, "error", 3),
    ],
)  # fmt: skip
def test_what_a_browser_may_say(said: str, kind: str, left: int):
    channels = set(CHANNELS)
    assert json.loads(answer(said, channels))["type"] == kind
    assert len(channels) == left


@pytest.mark.parametrize(
    ("principal", "body", "name"),
    [
        (Principal("edge", "agent", "token"), {"switch_id": "other"}, "edge"),
        (Principal("local", "admin", "open"), {"switch_id": "other"}, "other"),
        (Principal("local", "admin", "open"), {"switch_id": "x" * 128}, "x" * 128),
    ],
)
def test_whose_sample_it_is(principal: Principal, body: object, name: str):
    assert agent_of(principal, body) == name


@pytest.mark.parametrize(
    "body", [None, [], {}, {"switch_id": ""}, {"switch_id": 3}, {"switch_id": "x" * 129}]
)
def test_samples_of_nobody(body: object):
    with pytest.raises(Refused, match="switch_id"):
        agent_of(Principal("local", "admin", "open"), body)


def test_a_sample_has_a_bound(shared: Server):
    answer = shared.request("POST", "/api/edge/live", b" " * (SAMPLE_BYTES_MAX + 1))
    assert answer.status == 413


def test_a_plain_request_is_no_socket(shared: Server):
    assert shared.get("/api/live").status == 400


class Gate:
    """Lets in as long as it is told to."""

    is_open = True

    def check_origin(self, request: web.Request) -> None:
        """Any."""

    async def still_may(self, request: web.Request, role: str) -> bool:
        return self.is_open


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
async def test_who_may_no_longer_look_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "RECHECK_SECONDS", 0.05)
    gate = Gate()
    live = socket.LiveSocket(
        LiveHub(), cast("gates.Gate", gate), asyncio.to_thread, time.time
    )

    async def connect(request: web.Request) -> web.StreamResponse:
        request["principal"] = Principal("vera", "viewer", "session")
        return await live.connect(request)

    app = web.Application()
    app.router.add_get("/", connect)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/") as line:
        assert (await line.receive_json())["type"] == "connected"
        await asyncio.sleep(0.2)  # asked several times by then, it is let in each time
        assert live.watching == 1
        gate.is_open = False
        end = await line.receive(timeout=5)
        assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        async with asyncio.timeout(5):
            while live.watching:  # noqa: ASYNC110 - nothing tells when it is noticed
                await asyncio.sleep(0.01)
