"""CPU of the endpoint store at 100,000 live flows: one JSON object a line.

Steady walk: every flow carried something since the last one. First walk: the same, right
after an interval was closed. Closing: making and encoding the batch. Goal: 60 ms a walk,
the closing spread over the six walks of an interval (of 150 ms for walk and sketch).
"""

from __future__ import annotations

import json
import resource
import time

import numpy as np

from agent.records import FLOW_DELTA, Array
from agent.sketch.store import Origin, Settings, Store
from wire import frame
from wire.batch import encode

FLOWS = 100_000
HOSTS = 500
WALKS = 6
ROUNDS = 5
SECOND_NS = 1_000_000_000
GOAL_MS = 60.0
START_NS = 1_700_000_000 * SECOND_NS
ORIGIN = Origin("bench", bytes(16), 1, "0", "bench")


def flows(rng: np.random.Generator) -> Array:
    """Make flows of inside hosts with outside peers, as popular as Zipf's law has it."""
    rows = np.zeros(FLOWS, FLOW_DELTA)
    rows["id"] = np.arange(FLOWS) + 1  # a walk comes in the order of ids
    rows["source"][:, 10:12] = 0xFF
    rows["destination"][:, 10:12] = 0xFF
    host = rng.integers(0, HOSTS, FLOWS)
    rows["source"][:, 12:] = np.stack(
        [np.full(FLOWS, 10), np.zeros(FLOWS), host >> 8, host & 255], axis=1
    )
    peer = np.minimum(rng.zipf(1.3, FLOWS), 60_000) * 2_654_435_761 % (1 << 32) | 0x40000000
    rows["destination"][:, 12:] = peer.astype(">u4").view("u1").reshape(-1, 4)
    rows["source_port"] = rng.integers(1024, 65536, FLOWS)
    rows["destination_port"] = rng.choice([443, 53, 80, 22, 8443, 123], FLOWS)
    rows["protocol"], rows["family"] = rng.choice([6, 17], FLOWS), 4
    rows["class"] = rng.integers(0, 7, FLOWS)
    rows["home"] = True
    rows["first_ns"] = START_NS - rng.integers(0, 300 * SECOND_NS, FLOWS)
    rows["rtt_ns"] = rng.integers(0, 10**8, FLOWS)
    return rows


def walk(rows: Array, rng: np.random.Generator, now_ns: int) -> Array:
    """Give every flow something to report."""
    rows["packets"] = rng.integers(1, 100, (FLOWS, 2))
    rows["bytes"] = rows["packets"] * rng.integers(60, 1500, (FLOWS, 2)).astype(np.uint64)
    rows["last_ns"] = now_ns - rng.integers(0, 10 * SECOND_NS, FLOWS)
    return rows


def main() -> None:
    rng = np.random.default_rng(1)
    rows, store = flows(rng), Store(Settings(), START_NS)
    first, steady, seals = [], [], []
    now_ns = START_NS
    for _ in range(ROUNDS):
        for number in range(WALKS):
            now_ns += 10 * SECOND_NS
            deltas = walk(rows, rng, now_ns)
            began = time.process_time()
            store.feed(deltas, (), now_ns)
            spent = (time.process_time() - began) * 1e3
            (steady if number else first).append(spent)
        began = time.process_time()
        frame.compress(encode(store.seal(ORIGIN, now_ns, (), {})))
        seals.append((time.process_time() - began) * 1e3)
    share = (min(first) + (WALKS - 1) * min(steady) + min(seals)) / WALKS
    for name, value, peer in (
        ("sketch: steady walk of 100,000 flows", min(steady), None),
        ("sketch: first walk of an interval", min(first), None),
        ("sketch: closing an interval", min(seals), None),
        ("sketch: mean of a walk, closing included", share, GOAL_MS),
    ):
        ratio = round(value / peer, 3) if peer else None
        print(
            json.dumps(
                {
                    "name": name,
                    "value": round(value, 2),
                    "unit": "ms CPU",
                    "peer": peer,
                    "ratio": ratio,
                }
            )
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "name": "sketch: peak memory of the benchmark",
                "value": round(memory, 1),
                "unit": "MiB",
                "peer": None,
                "ratio": None,
            }
        )
    )


if __name__ == "__main__":
    main()
