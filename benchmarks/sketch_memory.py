"""Resident memory of the endpoint store: one JSON object a line.

500 endpoints, each with 40 new peers an interval for 20 intervals, so that every kept
sketch is as large as it gets; then 100,000 flows in one interval. Limits: 24 and 48 MiB.
"""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path

import numpy as np

from agent.records import FLOW_DELTA
from agent.sketch.store import Origin, Settings, Store

ENDPOINTS = 500
INTERVALS = 20
PEERS = 40
FLOWS = 100_000
PAGE_BYTES = 4096
MIB = 1 << 20
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
ORIGIN = Origin("bench", bytes(16), 1, "0", "bench")


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def deltas(rng: np.random.Generator, count: int, now_ns: int) -> np.ndarray:
    rows = np.zeros(count, FLOW_DELTA)
    rows["id"] = rng.integers(1, 2**63, count)
    rows["source"][:, 10:12] = rows["destination"][:, 10:12] = 0xFF
    host = np.arange(count) % ENDPOINTS
    rows["source"][:, 12] = 10
    rows["source"][:, 14], rows["source"][:, 15] = host >> 8, host & 255
    rows["destination"][:, 12:] = rng.integers(32, 223, (count, 4))
    rows["destination_port"] = rng.integers(1, 65536, count)
    rows["protocol"], rows["family"] = 6, 4
    rows["home"] = rows["new"] = rows["ending"] = True
    rows["bytes"] = rng.integers(100, 10**6, (count, 2))
    rows["packets"] = rows["bytes"] // 100
    rows["first_ns"], rows["last_ns"] = now_ns - 5 * SECOND_NS, now_ns
    return rows


def main() -> None:
    rng, now_ns = np.random.default_rng(1), START_NS
    warm = Store(Settings(), now_ns)
    warm.feed(deltas(rng, 1000, now_ns), (), now_ns)
    warm.seal(ORIGIN, now_ns, (), {})
    del warm
    before = resident_bytes()
    store = Store(Settings(max_endpoints=ENDPOINTS), now_ns)
    for _ in range(INTERVALS):
        now_ns += 60 * SECOND_NS
        store.feed(deltas(rng, ENDPOINTS * PEERS, now_ns), (), now_ns)
        store.seal(ORIGIN, now_ns, (), {})
    endpoints = resident_bytes() - before
    began = time.process_time()
    state = store.to_bytes()
    saving = (time.process_time() - began) * 1e3
    many = deltas(rng, FLOWS, now_ns)
    before_flows = resident_bytes()
    store.feed(many, (), now_ns)
    store.seal(ORIGIN, now_ns, (), {})
    flows = resident_bytes() - before_flows + endpoints
    for name, value, unit, peer in (
        ("sketch: memory of 500 endpoints", endpoints / MIB, "MiB", 24),
        ("sketch: memory with 100,000 flows in the interval", flows / MIB, "MiB", 48),
        ("sketch: saved state of 500 endpoints", len(state) / MIB, "MiB", None),
        ("sketch: saving that state", saving, "ms CPU", None),
    ):
        ratio = round(value / peer, 3) if peer else None
        line = {"name": name, "value": round(value, 2), "unit": unit, "peer": peer}
        print(json.dumps(line | {"ratio": ratio}))


if __name__ == "__main__":
    main()
