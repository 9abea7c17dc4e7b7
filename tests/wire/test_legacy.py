"""The older framing is imported, estimates only."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct

import pytest
from hypothesis import given, strategies as st

from wire import legacy
from wire.errors import Malformed

HEADER = {
    "endpoint_id": "02:00:00:00:00:09",
    "switch_id": "edge-1",
    "bytes_in": 123,
    "bytes_out": 456,
    "flow_count": 7,
    "first_seen": 1700000000.5,
    "last_seen": 1700000060.5,
    "active_hours": 3,
    "local_cluster_id": 2,
}


def registers(items):
    """An HLL of 1,024 registers, with a hash of its own as the older agents had."""
    table = bytearray(1024)
    for item in items:
        word = int.from_bytes(hashlib.sha1(item.encode()).digest()[:8])
        place, rest = word >> 54, word & (1 << 54) - 1
        table[place] = max(table[place], 54 - rest.bit_length() + 1)
    return bytes([10]) + bytes(table)


def counts(items, width=1024, depth=4):
    rows = [[0] * width for _ in range(depth)]
    for item, number in items.items():
        for row in range(depth):
            digest = hashlib.md5(f"{row}:{item}".encode()).digest()
            rows[row][int.from_bytes(digest[:4]) % width] += number
    return struct.pack("<HH", width, depth) + b"".join(
        struct.pack(f"<{width}I", *row) for row in rows
    )


def sketch(header=None, peers=None, ports=None, frequency=None):
    head = json.dumps(HEADER if header is None else header).encode()
    peers = registers([f"10.0.0.{n}" for n in range(50)]) if peers is None else peers
    ports = registers([f"tcp/{n}" for n in range(5)]) if ports is None else ports
    frequency = counts({"tcp/443": 40, "udp/53": 2}) if frequency is None else frequency
    sizes = struct.pack("<III", len(head), len(peers), len(ports))
    return sizes + head + peers + ports + frequency


def body(*sketches):
    framed = b"".join(struct.pack("<I", len(item)) + item for item in sketches)
    return struct.pack("<I", len(sketches)) + framed


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_old_sketches_are_read(pack):
    (read,) = legacy.read(pack(body(sketch())))
    found = read.estimate
    assert (found.endpoint_id, found.switch_id) == ("02:00:00:00:00:09", "edge-1")
    assert (found.bytes_in, found.bytes_out, found.flow_count) == (123, 456, 7)
    assert (found.first_seen, found.active_hours, found.local_cluster_id) == (
        1700000000,
        3,
        2,
    )
    assert found.unique_peers == pytest.approx(50, abs=4)
    assert found.unique_ports == 5
    assert [read.ports.estimate(item) for item in ("tcp/443", "udp/53", "tcp/1")] == [
        40,
        2,
        0,
    ]


def test_large_counts_use_the_raw_estimate():
    peers = registers([str(n) for n in range(20_000)])
    (read,) = legacy.read(body(sketch(peers=peers)))
    assert read.estimate.unique_peers == pytest.approx(20_000, rel=0.15)


def test_no_sketches_are_none():
    assert legacy.read(body()) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<I", 1),
        struct.pack("<I", 1 << 31),
        body(sketch()) + b"x",
        body(sketch())[:-1],
        body(sketch(header=[])),
        body(sketch(header=HEADER | {"bytes_in": "1"})),
        body(sketch(peers=registers([])[:-1])),
        body(sketch(peers=b"\x0b" + bytes(1024))),
        body(sketch(peers=b"\x0a" + b"\xff" * 1024)),
        body(sketch(frequency=b"\x01")),
        body(sketch(frequency=struct.pack("<HH", 0, 4))),
        body(sketch(frequency=struct.pack("<HH", 9, 4))),
        body(sketch(header=HEADER | {"endpoint_id": "x" * 20_000})),
        gzip.compress(body(sketch()))[:-4],
        gzip.compress(body(sketch())) + b"x",
    ],
)
def test_anything_else_is_malformed(data):
    with pytest.raises(Malformed):
        legacy.read(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_malformed(data):
    try:
        assert legacy.read(data) == () or data[:4] != bytes(4)
    except Malformed:
        return
