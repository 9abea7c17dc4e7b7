"""Bytes of one batch, a minute of 1,000 endpoints: one JSON object a line. Goal: 100 kB.

The traffic: 600 of the 1,000 have something to say in a given minute; their flows are
log-normal, median 6 and mean 11, as of phones, laptops and the few machines that do most;
30 % of them ask one of two resolvers, the rest call one of 20,000 servers, as popular as
Zipf's law has it; bytes are log-normal over four decades.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from agent.records import FLOW_DELTA, Array, Interface as Link
from agent.sketch.store import Origin, Settings, Store
from wire import frame
from wire.batch import Batch, Direction, Interface, Volume, encode
from wire.schema import CLASS_NAMES

ENDPOINTS = 1000
ACTIVE = 600
GOAL_BYTES = 100_000
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
PORTS = (443, 80, 123, 22, 993, 5228, 8443, 3478, 5060, 6881)
SHARES = (0.80, 0.06, 0.03, 0.01, 0.02, 0.03, 0.01, 0.02, 0.01, 0.01)


def mapped(addresses: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    rows = np.zeros((addresses.size, 16), "u1")
    rows[:, 10:12] = 0xFF
    rows[:, 12:] = addresses.astype(">u4").view("u1").reshape(-1, 4)
    return rows


def minute(rng: np.random.Generator, endpoints: int) -> Array:
    """Make the deltas of one minute, all flows in one walk."""
    flows = np.maximum(1, rng.lognormal(np.log(6), 1.18, endpoints)).astype(int)
    host = np.repeat(np.arange(endpoints), flows)
    count = host.size
    rows = np.zeros(count, FLOW_DELTA)
    rows["id"] = np.arange(count) + 1
    rows["source"] = mapped(0x0A000000 + host + 2)
    servers = rng.integers(0x10000000, 0xDF000000, 20_000)
    popularity = 1 / np.arange(1, servers.size + 1)
    peer = servers[rng.choice(servers.size, count, p=popularity / popularity.sum())]
    asks = rng.random(count) < 0.3
    peer[asks] = rng.choice([0x08080808, 0x01010101], int(asks.sum()))
    rows["destination"] = mapped(peer)
    rows["source_port"] = rng.integers(1024, 65536, count)
    rows["destination_port"] = np.where(asks, 53, rng.choice(PORTS, count, p=SHARES))
    rows["protocol"] = np.where(asks | (rng.random(count) < 0.3), 17, 6)
    rows["family"] = 4
    rows["class"] = np.where(
        asks, 6, rng.choice([0, 2, 4, 5], count, p=(0.1, 0.1, 0.7, 0.1))
    )
    rows["home"] = rows["new"] = True
    size = np.where(asks[:, None], 110, rng.lognormal(9, 2, (count, 2))).astype(np.uint64)
    rows["bytes"] = size
    rows["packets"] = size // np.uint64(700) + np.uint64(1)
    began = START_NS + rng.integers(0, 60 * SECOND_NS, count)
    rows["first_ns"] = began
    rows["last_ns"] = np.minimum(
        began + rng.exponential(8 * SECOND_NS, count).astype(np.int64),
        START_NS + 60 * SECOND_NS,
    )
    rows["rtt_ns"] = np.where(asks, 0, rng.lognormal(np.log(30e6), 0.7, count))
    rows["ending"] = rng.random(count) < 0.7
    return rows


def typical(rng: np.random.Generator, endpoints: int = ACTIVE) -> Batch:
    """Make the batch of that minute, with two interfaces and the usual health figures."""
    store = Store(Settings(max_endpoints=endpoints), START_NS)
    link = Link("eth0", 2, 0, "02:00:00:00:00:01", 1500, 10**9, (), True, "tcx", "tcx")
    store.feed(minute(rng, endpoints), (link,), START_NS + 60 * SECOND_NS)

    def volume() -> Volume:
        return Volume(*(int(number) for number in rng.integers(0, 10**9, 3)))

    def direction() -> Direction:
        rest = (volume() for _ in range(6))
        return Direction(*rest, classes={name: volume() for name in CLASS_NAMES})

    reports = tuple(
        Interface(
            name=name,
            mac="02:00:00:00:00:01",
            mtu=1500,
            speed_bps=10**9,
            addresses=("192.0.2.1", "2001:db8::1"),
            is_up=True,
            rx_mode="tcx",
            tx_mode="tcx",
            rx=direction(),
            tx=direction(),
        )
        for name in ("eth0", "eth1")
    )
    health = {f"figure_{number}": int(rng.integers(0, 10**9)) for number in range(12)}
    origin = Origin("02:00:00:00:00:01", rng.bytes(16), 77, "0.1.0", "router")
    return store.seal(origin, START_NS + 60 * SECOND_NS, reports, health)


def parts(batch: Batch) -> dict[str, int]:
    """Return the compressed bytes of each part by itself."""
    message = msgpack.unpackb(encode(batch))
    endpoints = message.pop("endpoints")
    sizes = {
        name: len(frame.compress(msgpack.packb(value))) for name, value in message.items()
    }
    for name, value in {**endpoints.pop("sketches"), **endpoints}.items():
        sizes[f"endpoints.{name}"] = len(frame.compress(msgpack.packb(value)))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def packed(data: bytes) -> int:
    return len(frame.compress(data))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--parts", action="store_true", help="print the parts' sizes instead"
    )
    arguments = parser.parse_args()
    batch = typical(np.random.default_rng(1))
    if arguments.parts:
        for name, size in parts(batch).items():
            print(f"{size:8} {name}")
        return
    raw = encode(batch)
    busy = encode(typical(np.random.default_rng(1), ENDPOINTS))
    quiet = encode(typical(np.random.default_rng(1), ENDPOINTS // 10))
    idle = Store(Settings(), START_NS).seal(
        Origin("a", bytes(16), 1, "0", "h"), START_NS, batch.interfaces, batch.health
    )
    figures = {
        "batch of a minute, 600 of 1,000 endpoints active": (packed(raw), GOAL_BYTES),
        "the same, gzip": (len(frame.compress(raw, "gzip")), GOAL_BYTES),
        "the same, before compression": (len(raw), None),
        "batch of a minute, all 1,000 endpoints active": (packed(busy), GOAL_BYTES),
        "batch of a minute, 100 of 1,000 endpoints active": (packed(quiet), GOAL_BYTES),
        "batch of an idle minute": (packed(encode(idle)), None),
    }
    for name, (value, peer) in figures.items():
        ratio = round(value / peer, 3) if peer else None
        line = {"name": name, "value": value, "unit": "bytes", "peer": peer, "ratio": ratio}
        print(json.dumps(line))


if __name__ == "__main__":
    main()
