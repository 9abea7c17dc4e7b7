"""The older length-prefixed framing."""

from __future__ import annotations

import gzip
import json
import struct

import pytest

from collector.ingest import framed
from collector.ingest.framed import distinct
from collector.ingest.understand import read
from collector.records import Arrival, Refused
from tests.collector.support import Server
from wire.batch import Malformed

BINARY = "/api/edge/sketches/binary"


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


NOW_NS = 1_795_000_000 * 1_000_000_000


def arrival(data: bytes, form: str = "msgpack", agent: str = "edge-001") -> Arrival:
    serial = "00" * 16 if form != "msgpack" else ""
    return Arrival(agent, NOW_NS, form, "identity", data, serial)


def test_the_older_hll():
    assert distinct(bytes([10]) + bytes(1024)) == 0
    full = distinct(bytes([10]) + bytes([10]) * 1024)
    assert full == pytest.approx(0.7213 / (1 + 1.079 / 1024) * 1024 * 1024, rel=1e-9)
    for image in (b"", bytes(1025), bytes([10]) + bytes(1023)):
        with pytest.raises(Malformed):
            distinct(image)
    with pytest.raises(Refused):
        read(arrival(struct.pack("<I", 2**31), "framed"), 1 << 20)


def sketch(header: bytes = b'{"endpoint_id": "e"}', behind: bytes = b"") -> bytes:
    hll = bytes([10]) + bytes(1024)
    lengths = struct.pack("<III", len(header), len(hll), len(hll))
    one = lengths + header + hll + hll + behind
    return struct.pack("<I", len(one)) + one


def count(number: int) -> bytes:
    return struct.pack("<I", number)


def test_none_and_one():
    empty, _ = framed.read(count(0), arrival(b"", "framed", "edge"))
    assert (empty.agent, empty.endpoints.ids) == ("edge", ())
    one, estimates = framed.read(
        count(1) + sketch(b'{"endpoint_id": "e", "switch_id": "x"}', b"count-min"),
        arrival(b"", "framed", ""),
    )
    assert (one.agent, one.endpoints.ids) == ("x", ("e",))
    assert estimates == {"unique_peers": [0.0], "unique_ports": [0.0]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "4 bytes announced, 0 there"),
        (count(1), "4 bytes announced, 0 there"),
        (count(2) + sketch(), "4 bytes announced, 0 there"),
        (count(1) + sketch()[:-1], "announced"),
        (count(0) + b"x", "1 bytes behind"),
        (count(1) + sketch(b"{"), "header is not JSON"),
        (count(1) + sketch(b"[]"), "header is not an object"),
        (count(1) + sketch(b"[" * 100_000), "header is not JSON"),
        (count(1) + sketch(b"{}"), "endpoint_id"),
        (count(8193), "more than 8192"),
        (count(1) + count(12) + struct.pack("<III", 2**32 - 1, 0, 0), "announced"),
    ],
)
def test_frames_that_cannot_be(data: bytes, reason: str):
    with pytest.raises(Malformed, match=reason):
        framed.read(data, arrival(b"", "framed"))
