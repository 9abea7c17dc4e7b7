"""Uploads to a real collector: stored once, or refused in one line."""

from __future__ import annotations

import dataclasses
import socket
import zlib

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from collector.ingest.http import serial_of
from tests.collector.support import Answer, Server, batch, body
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
        (post_raw(shared, raw, X_Weir_Sent="9" * 20), 400, "X-Weir-Sent"),
        (post_raw(shared, raw, X_Switch_ID="\xff"), 400, "X-Switch-ID"),
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


def test_the_same_body_has_the_same_serial():
    assert serial_of(b"a") == serial_of(b"a")
    assert serial_of(b"a") != serial_of(b"b")
    assert len(bytes.fromhex(serial_of(b""))) == 16


@pytest.mark.parametrize(
    ("text", "status"),
    [("1", 200), ("01", 200), ("2", 400), ("-1", 400), ("1.0", 400), ("²", 400),
     ("1" * 21, 400), ("", 400)],
)  # fmt: skip
def test_numbers_in_headers(shared: Server, text: str, status: int):
    one = batch(1, agent=f"header-{len(text)}-{ord((text + ' ')[0])}", hosts=1)
    answer = post_raw(shared, encode(one), X_Sketch_Count=text.encode().decode("latin-1"))
    assert answer.status == status, answer.data


def test_the_boots_case_does_not_matter(shared: Server):
    one = batch(1, agent="upper", boot=b"\xab" * 16)
    assert post_raw(shared, encode(one), X_Weir_Boot="AB" * 16).status == 200
