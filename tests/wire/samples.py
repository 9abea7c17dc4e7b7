"""A small batch with something in every field."""

from __future__ import annotations

import numpy as np

from wire.batch import Batch, Direction, Endpoints, Interface, Volume
from wire.items import address_bytes
from wire.schema import ENDPOINT, ENDPOINT_SKETCHES, FLOW
from wire.sketches import Distinct, Frequency, Frequent, Quantiles

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
PEERS = {
    "10.0.0.2": ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
    "2001:db8::2": [f"198.51.100.{n}" for n in range(200)],
    "other": [],
}


def images(name: str, peers: list[str]) -> bytes:
    """Make the image of a sketch that a few items of its kind went into."""
    weights = [(f"tcp/{443 + n}", 1000 * n + 1) for n in range(len(peers))]
    if ENDPOINT_SKETCHES[name] == "hll":
        made: Distinct | Frequency | Frequent | Quantiles = Distinct()
        made.update(peers)
    elif ENDPOINT_SKETCHES[name] == "count_min":
        made = Frequency()
        made.update(weights)
    elif ENDPOINT_SKETCHES[name] == "frequent":
        made = Frequent()
        made.update(weights)
    else:
        made = Quantiles(32)
        made.update(np.arange(min(len(peers), 20)) + 0.5)  # more are thinned at random
    return made.to_bytes()


def direction(base: int) -> Direction:
    """Make a direction whose volumes tell their places by their numbers."""
    volumes = [Volume(base + n, base + n + 1, base + n + 2) for n in range(6)]
    return Direction(
        *volumes, classes={"video": Volume(1, 2, base), "web": Volume(3, 4, 5)}
    )


def batch() -> Batch:
    """Make the batch."""
    totals = np.zeros(len(PEERS), ENDPOINT)
    for place, name in enumerate(ENDPOINT.names or ()):
        totals[name] = (place + 1) * 1000 + np.arange(totals[name].size).reshape(
            totals[name].shape
        )
    totals["bytes_in"][1] = 2**40
    flows = np.zeros(2, FLOW)
    for place, name in enumerate(FLOW.names or ()):
        flows[name] = place + 1
    flows["source"] = [list(address_bytes("10.0.0.2")), list(address_bytes("2001:db8::2"))]
    flows["destination"] = [
        list(address_bytes("192.0.2.1")),
        list(address_bytes("fe80::1")),
    ]
    flows["first_ns"] = START_NS
    flows["last_ns"] = START_NS + 7
    rtt = Quantiles()
    rtt.update(np.array([0.01, 0.02, 0.5]))
    return Batch(
        agent="02:00:00:00:00:01",
        boot=bytes(range(16)),
        sequence=42,
        start_ns=START_NS,
        end_ns=START_NS + 60 * SECOND_NS,
        agent_version="0.1.0",
        hostname="router",
        interfaces=(
            Interface(
                name="eth0",
                mac="02:00:00:00:00:01",
                mtu=1500,
                speed_bps=10**9,
                addresses=("192.0.2.254", "2001:db8::fe"),
                is_up=True,
                rx_mode="xdp-native",
                tx_mode="tcx",
                rx=direction(10),
                tx=direction(2**40),
            ),
        ),
        endpoints=Endpoints(
            tuple(PEERS),
            totals,
            {
                name: tuple(images(name, peers) for peers in PEERS.values())
                for name in ENDPOINT_SKETCHES
            },
        ),
        flows=flows,
        quantiles={"rtt": rtt.to_bytes()},
        health={"uptime_seconds": 12.5, "flows_live": 3, "state": "observing"},
    )
