"""Conversations with a real collector: uploads, refusals, reading, live picture."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
import re
import socket
import struct
import time
import zlib
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.collector.support import Answer, Server, batch, body, headers
from wire import frame
from wire.batch import encode

BINARY = "/api/edge/sketches/binary"


def post_raw(server: Server, data: bytes, **fields: str) -> Answer:
    sent = {"Content-Type": "application/msgpack"}
    sent |= {name.replace("_", "-"): value for name, value in fields.items()}
    return server.request("POST", BINARY, data, sent)


@pytest.mark.parametrize("coding", ["zstd", "gzip", "identity"])
def test_a_batch_is_stored_once_in_every_coding(shared: Server, coding: str):
    one = batch(1, agent=f"agent-{coding}")
    first, second = shared.post(one, coding=coding), shared.post(one, coding=coding)
    assert (first.status, second.status) == (200, 200)
    assert first.json == {
        "status": "ok", "switch_id": f"agent-{coding}", "sketches_received": 3,
        "sketches_stored": 3, "new_endpoints": first.json["new_endpoints"],
        "new_endpoint_count": len(first.json["new_endpoints"]),
        "total_sketches": first.json["total_sketches"], "format": "msgpack",
        "size_bytes": len(body(one, coding)), "duplicate": False,
    }  # fmt: skip
    assert second.json["duplicate"] is True
    assert second.json["sketches_stored"] == 0
    shared.settled()
    found = shared.get(f"/api/totals?agent=agent-{coding}").json
    assert found["total"] == {"frames": 144, "packets": 288, "bytes": 144_000}
    assert [one["name"] for one in found["series"]] == ["video", "web"]


def test_what_was_sent_is_what_is_read(shared: Server):
    for number in (1, 2):
        assert shared.post(batch(number, agent="reader")).status == 200
    shared.settled()
    (agent,) = [
        a for a in shared.get("/api/agents").json["agents"] if a["name"] == "reader"
    ]
    assert (agent["health"], agent["missing_batches"], agent["batches"]) == ("online", 0, 2)
    assert agent["interfaces"][0]["addresses"] == ["192.0.2.1/24"]
    assert agent["status"] == {"uptime_seconds": 12.5, "flows_live": 7, "mode": "live"}
    found = shared.get("/api/endpoints?agents=reader&sort=bytes_in&limit=2").json[
        "endpoints"
    ]
    assert [row["bytes_in"] for row in found] == [6000, 4000]
    assert found[0]["unique_peers"] == pytest.approx(21, abs=0.5)
    assert found[0]["active_hours"] == [9]
    assert found[0]["class_bytes"]["video"] == 6000
    assert found[0]["top_peers"][0]["item"] == "192.0.2.5"
    one = shared.get("/api/endpoints/02:00:00:00:00:01").json["endpoint"]
    assert one["distributions"]["packet_length"]["values"][-1] == 1500.0
    (flow,) = shared.get("/api/flows?agent=reader&limit=1&address=10.0.0.4").json["flows"]
    assert (flow["source"], flow["destination"]) == ("10.0.0.4", "2001:db8::1")
    assert (flow["bytes"], flow["intervals"], flow["class"]) == (1000, 2, "web")
    lengths = shared.get("/api/quantiles/packet_length?agents=reader").json
    assert (lengths["count"], lengths["values"][0]) == (6, 64.0)
    for row in shared.get("/api/conservation?agent=reader").json["interfaces"]:
        parts = ("flows", "overflow", "non_ip", "unparsed", "filtered")
        for unit, seen in row["seen"].items():
            assert seen == sum(row[part][unit] for part in parts)
    numbers = [
        row["sequence"] for row in shared.get("/api/batches?agents=reader").json["batches"]
    ]
    assert numbers == [1, 2]
    stats = shared.get("/api/edge/sketches/stats").json
    assert stats["switches_detail"]["reader"]["sketches"] == 6


def test_a_gap_in_the_numbers_is_seen(shared: Server):
    for number in (1, 2, 5):
        shared.post(batch(number, agent="gappy"))
    shared.settled()
    (agent,) = [a for a in shared.get("/api/agents").json["agents"] if a["name"] == "gappy"]
    assert (agent["health"], agent["missing_batches"]) == ("degraded", 2)


def test_json_estimates_are_stored_and_repeats_are_noticed(shared: Server):
    sketch = {"endpoint_id": "old-1", "switch_id": "old", "unique_peers": 7,
              "unique_ports": 2,
              "bytes_in": 10, "bytes_out": 20, "flow_count": 3, "first_seen": 1.5,
              "last_seen": 2, "active_hours": 3, "local_cluster_id": -1}  # fmt: skip
    data = json.dumps({"switch_id": "old", "timestamp": 1, "sketch_count": 1,
                       "sketches": [sketch]}).encode()  # fmt: skip
    kind = {"Content-Type": "application/json"}
    first = shared.request("POST", "/api/edge/sketches", data, kind)
    again = shared.request("POST", "/api/edge/sketches", data, kind)
    assert (first.status, first.json["sketches_stored"]) == (200, 1)
    assert again.json["duplicate"] is True
    shared.settled()
    (row,) = shared.get("/api/edge/sketches?switch_id=old").json["sketches"]
    assert (row["unique_peers"], row["bytes_out"], row["first_seen"]) == (7, 20, 1)
    (end,) = shared.get("/api/endpoints?agents=old").json["endpoints"]
    assert end["unique_peers"] == 7


def test_the_older_framing_is_imported(shared: Server):
    header = json.dumps(
        {"endpoint_id": "framed-1", "switch_id": "framed", "bytes_in": 5}
    ).encode()
    hll = bytes([10]) + bytes([1] * 100) + bytes(924)
    sketch = (
        struct.pack("<III", len(header), len(hll), len(hll)) + header + hll + hll + b"cms"
    )
    data = struct.pack("<II", 1, len(sketch)) + sketch
    answer = shared.request(
        "POST", BINARY, gzip.compress(data),
        {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip",
         "X-Switch-ID": "framed", "X-Sketch-Count": "1"},
    )  # fmt: skip
    assert answer.status == 200, answer.data
    assert answer.json["format"] == "framed"
    shared.settled()
    (row,) = shared.get("/api/edge/sketches?switch_id=framed").json["sketches"]
    assert row["unique_peers"] == pytest.approx(105.2, abs=0.5)  # 1024 * ln(1024 / 924)


def test_bodies_that_cannot_be_are_refused(shared: Server):
    one = batch(1, agent="bad")
    raw = encode(one)
    other = raw.replace(b"\xa7version\x01", b"\xa7version\x63")
    assert other != raw
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb_data = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(80)) + bomb.flush()
    zstd_bomb = frame.compress(bytes(80 << 20))
    zero = encode(dataclasses.replace(one, sequence=0))
    nameless = encode(dataclasses.replace(one, agent=""))
    cases = [
        (post_raw(shared, raw[:-3]), 400, "msgpack"),
        (post_raw(shared, b""), 400, ""),
        (post_raw(shared, raw + b"\x00"), 400, ""),
        (post_raw(shared, other), 409, "understood"),
        (post_raw(shared, b"\xff" * 100, Content_Encoding="gzip"), 400, "gzip"),
        (post_raw(shared, b"\xff" * 100, Content_Encoding="zstd"), 400, "zstd"),
        (post_raw(shared, raw, Content_Encoding="br"), 415, "identity"),
        (post_raw(shared, raw, Content_Type="text/plain"), 415, "msgpack"),
        (post_raw(shared, raw, X_Sketch_Count="4"), 400, "says 4, the body 3"),
        (post_raw(shared, raw, X_Sketch_Count="x"), 400, "whole number"),
        (post_raw(shared, raw, X_Switch_ID="else"), 400, "X-Switch-ID says else"),
        (post_raw(shared, raw, X_Weir_Sequence="2"), 400, "X-Weir-Sequence"),
        (post_raw(shared, raw, X_Weir_Boot="00"), 400, "X-Weir-Boot"),
        (post_raw(shared, zero), 400, "begins at 1"),
        (post_raw(shared, nameless), 400, "printable"),
        (post_raw(shared, bomb_data, Content_Encoding="gzip"), 413, "decompressed"),
        (post_raw(shared, zstd_bomb, Content_Encoding="zstd"), 413, ""),
        (post_raw(shared, bytes(9 << 20)), 413, "larger than"),
    ]  # fmt: skip
    for number, (answer, status, reason) in enumerate(cases):
        assert answer.status == status, (number, answer.data)
        assert reason in answer.data.decode(), number
        assert answer.json["status"] == "error"
        assert "\n" not in answer.json["error"]
    assert shared.get("/health").status == 200


def test_a_body_without_length_is_bounded_too(shared: Server):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as line:
        line.sendall(
            b"POST /api/edge/sketches/binary HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/msgpack\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        try:
            for _ in range(20):
                line.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        except OSError:
            pass  # The collector has hung up: it read no more than its bound.
        assert line.recv(64).startswith(b"HTTP/1.1 413")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    place=st.integers(0, 10_000),
    junk=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 400),
)
def test_nothing_an_agent_sends_takes_the_process_down(
    shared: Server, place: int, junk: bytes, cut: int
):
    """A damaged batch is refused, or stored when the damage left a batch; never a 5xx."""
    raw = bytearray(encode(batch(1, agent="fuzz", hosts=2, heavy=2)))
    place %= len(raw)
    raw[place : place + len(junk)] = junk
    answer = post_raw(shared, bytes(raw[: len(raw) - cut % 7 * cut]))
    assert answer.status in (200, 400, 409), answer.data
    assert shared.process is not None
    assert shared.process.poll() is None


def test_damaged_images_are_left_out_of_answers(shared: Server):
    one = batch(1, agent="damaged")
    images = {**one.endpoints.sketches, "top_peers": (b"\x04\x01\x0a\xff" * 9,) * 3}
    ends = dataclasses.replace(one.endpoints, sketches=images)
    assert shared.post(dataclasses.replace(one, endpoints=ends)).status == 200
    shared.settled()
    found = shared.get("/api/endpoints?agents=damaged").json["endpoints"]
    assert (len(found), found[0]["top_peers"]) == (3, [])


def test_the_greatest_numbers_are_stored(shared: Server):
    """Every field at its limit: it is stored, and so is the next batch."""
    most = 2**64 - 1
    one = batch(2**63 - 1, agent="most", end=2**63 / 1e9)
    totals = one.endpoints.totals.copy()
    for rows in (totals, one.flows):
        for name in rows.dtype.names:
            if name not in ("interface", "class"):
                rows[name] = np.iinfo(rows.dtype[name].base).max
    totals["bytes_in"] = 2**40
    ends = dataclasses.replace(one.endpoints, totals=totals)
    link = dataclasses.replace(one.interfaces[0], mtu=most, speed_bps=most, name="\x00'\\")
    one = dataclasses.replace(
        one, endpoints=ends, interfaces=(link,), start_ns=0, end_ns=most,
        health={"a": most, "b": -(2**63), "c": "\x00", "d": 1e308},
    )  # fmt: skip
    assert shared.post(one).status == 200
    assert shared.post(dataclasses.replace(one, sequence=2**63)).status == 400
    assert shared.post(batch(1, agent="most")).status == 200
    shared.settled()
    assert shared.get("/health").status == 200
    for path in (
        "agents",
        "endpoints?agents=most",
        "flows?agent=most",
        "batches?agents=most",
    ):
        answer = shared.get(f"/api/{path}")
        assert answer.status == 200, answer.data
        assert b"most" in answer.data


def test_a_clock_far_off_is_corrected(shared: Server):
    assert shared.post(batch(1, agent="no-battery", end=1000.0)).status == 200
    shared.settled()
    assert shared.get("/api/totals?agent=no-battery").json["total"]["frames"] == 144


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/api/totals?from=x", "from: 'x' is not unix seconds"),
        ("/api/totals?from=10&to=5", "from: must be before to"),
        ("/api/totals?from=nan", "from:"),
        ("/api/totals?step=0", "step: must be between"),
        ("/api/totals?from=0&step=1", "step: 1 s makes more than 2000 points"),
        ("/api/totals?group=x%27", "group: must be one of"),
        ("/api/totals?class=nosuch", "class: must be one of"),
        ("/api/endpoints?limit=100000", "limit: must be between 1 and 1000"),
        ("/api/flows?address=1.2.3", "address: '1.2.3' is not an IP address"),
        ("/api/flows?port=70000", "port: must be between"),
        ("/api/alerts?unresolved=maybe", "unresolved: must be one of"),
    ],
)
def test_questions_that_cannot_be_answered(shared: Server, path: str, reason: str):
    answer = shared.get(path)
    assert answer.status == 400
    assert reason in answer.json["error"]


@pytest.mark.parametrize(
    "value", ["%27", "%5C", "%27%29%20OR%201=1%20--", "%09", "%7Bx%7D", "a%00b"]
)
def test_hostile_values_are_only_values(shared: Server, value: str):
    for path in (
        "totals?agent=",
        "flows?interface=",
        "endpoints?agents=",
        "edge/sketches?switch_id=",
    ):
        answer = shared.get(f"/api/{path}{value}")
        assert answer.status == 200, answer.data
        assert not answer.json.get("series")
        assert not answer.json.get("count")


def test_metrics_in_both_forms(shared: Server):
    plain = shared.get("/metrics", {"Accept": "text/plain;version=0.0.4"})
    assert plain.headers["Content-Type"].startswith("text/plain")
    families = {
        one.name: one for one in text_string_to_metric_families(plain.data.decode())
    }
    outcomes = {s.labels["outcome"] for s in families["weir_collector_batches"].samples}
    assert {"stored", "duplicate", "refused", "busy"} <= outcomes
    assert all(re.fullmatch(r"weir_collector_[a-z_]+", name) for name in families)
    figures = shared.get("/metrics").json
    assert {"total_received", "total_forwarded", "pending", "errors"} <= set(figures)
    detail = shared.get("/health/detailed").json
    assert detail["rss_bytes"] > 1e6
    assert {"status", "service", "version", "backend_url", "cpu_percent"} <= set(detail)


def test_every_answer_has_the_security_headers(shared: Server):
    for path in ("/health", "/", "/api/agents", "/api/nothing"):
        found = shared.get(path).headers
        assert found["Content-Security-Policy"].startswith("default-src 'self'")
        assert found["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in found
    assert shared.get("/api/nothing").status == 404
    assert shared.request("DELETE", "/api/agents").status == 405


def test_the_description_lists_every_route_and_the_page_of_docs_too(shared: Server):
    document = shared.get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    docs = (Path(__file__).parents[2] / "docs/http-api.md").read_text()
    for path, operations in document["paths"].items():
        assert path in docs, path
        for operation in operations.values():
            assert operation["summary"]
            assert operation["responses"]["200"]
    assert "/api/live" in document["paths"]


def test_without_sign_in_only_this_machine_is_answered(shared: Server):
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
        assert shared.get("/api/agents", {"Host": host}).status == 403
    answer = shared.request(
        "POST", "/api/alerts/1/resolve", b"", {"Origin": "http://evil.example"}
    )
    assert answer.status == 403


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
    "text",
    ["", "[]", "{}", '{"switch_id": 3}', "[" * 100_000,
     '{"switch_id": "a", "now_ns": -1, "interfaces": []}',
     '{"switch_id": "a", "now_ns": 1, "interfaces": [{"name": "x", "rx": {}, "tx": {}}]}',
     '{"switch_id": "a", "now_ns": 1e400, "interfaces": []}'],
)  # fmt: skip
def test_live_samples_that_are_none(shared: Server, text: str):
    assert shared.request("POST", "/api/edge/live", text.encode()).status == 400


def test_qos_rules_are_kept(shared: Server):
    kind = {"Content-Type": "application/json"}
    rule = {"traffic_type": "video", "priority": 3, "min_bandwidth": 5,
            "max_bandwidth": 50.5,
            "dscp": 46}  # fmt: skip

    def send(method: str, path: str, value: object) -> Answer:
        return shared.request(method, path, json.dumps(value).encode(), kind)

    assert send("POST", "/api/qos/rules", rule).status == 200
    assert send("POST", "/api/qos/rules", rule).status == 409
    assert send("POST", "/api/qos/rules", {**rule, "traffic_type": "x"}).status == 400
    assert send("POST", "/api/qos/rules", {**rule, "dscp": 64}).status == 400
    assert send("PUT", "/api/qos/rules/video", {**rule, "priority": 2}).status == 200
    assert send("PUT", "/api/qos/rules/voice", rule).status == 404
    (kept,) = shared.get("/api/qos/rules").json["rules"]
    assert (kept["priority"], kept["max_bandwidth"]) == (2, 50.5)
    assert kept["enabled"] is True
    assert shared.request("DELETE", "/api/qos/rules/video").status == 200
    assert shared.get("/api/qos/rules").json["count"] == 0


def test_without_a_built_console_a_page_says_so(tmp_path: Path):
    server = Server(tmp_path / "data", "--console-dir", str(tmp_path / "none")).start()
    try:
        page = server.get("/")
        assert page.status == 503
        assert b"make console" in page.data
    finally:
        assert server.stop() == 0


def test_the_console_is_served_with_caching_and_no_way_out(tmp_path: Path):
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<html>console</html>")
    (folder / "assets" / "index-CzhYu10a.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    server = Server(tmp_path / "data", "--console-dir", str(folder)).start()
    try:
        assert server.get("/").headers["Cache-Control"] == "no-cache"
        assert server.get("/agents?x=1").data == b"<html>console</html>"
        script = server.get("/assets/index-CzhYu10a.js")
        assert "immutable" in script.headers["Cache-Control"]
        assert script.headers["Content-Type"].startswith("text/javascript")
        for path in (
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/assets/..%2f..%2fsecret.txt",
        ):
            assert b"secret" not in server.get(path).data
        assert server.get("/assets/none.js").status == 404
    finally:
        server.kill()


def test_two_listeners_keep_agents_and_people_apart(tmp_path: Path):
    server = Server(tmp_path / "data")
    flags = list(server.flags)
    other = Server(tmp_path / "other").port
    flags[flags.index("--agent-port") + 1] = str(other)
    server.flags = tuple(flags)
    server.start()
    try:
        assert server.post(batch(1)).status in (404, 405)
        people, server.url = server.url, f"http://127.0.0.1:{other}"
        assert server.post(batch(1)).status == 200
        assert server.get("/health").status == 200
        assert server.get("/api/agents").status == 404
        server.url = people
        assert server.get("/api/agents").status == 200
    finally:
        assert server.stop() == 0


def test_a_port_in_use_is_one_line(shared: Server, tmp_path: Path):
    second = Server(tmp_path / "data", "--agent-port", str(shared.port))
    with pytest.raises(AssertionError) as failure:
        second.start()
    assert "Address already in use" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def test_wrong_flags_end_with_two(tmp_path: Path):
    server = Server(tmp_path / "data")
    for flags in (("run", "--auth", "none"), ("check", "--agent-port", "x")):
        done = server.command(*flags)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
    assert server.command("check").returncode == 0
    assert (tmp_path / "data" / "control.sqlite").stat().st_mode & 0o77 == 0
    assert headers(batch(1))["X-Weir-Sequence"] == "1"
