"""Flow deltas written as one would say them."""

from __future__ import annotations

import zlib

import numpy as np

from agent.records import CLASS_NAMES, FLOW_DELTA, Array, Interface
from agent.sketch.store import Origin
from wire.items import address_bytes

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_040 * SECOND_NS  # 22:14:00 UTC
LINK = Interface("eth0", 2, 5, "02:00:00:00:00:01", 1500, 0, (), True, "tcx", "tcx")
ORIGIN = Origin("agent", bytes(16), 1, "0.1.0", "host")


def delta(source: str, destination: str, **said: object) -> Array:
    """Make one row. said: port, sport, protocol, sent, received (bytes), kind, and any
    column of FLOW_DELTA by its name. A packet is 100 bytes."""
    row = np.zeros(1, FLOW_DELTA)
    sent, received = said.pop("sent", 1000), said.pop("received", 500)
    row["source"] = np.frombuffer(address_bytes(source), "u1")
    row["destination"] = np.frombuffer(address_bytes(destination), "u1")
    row["source_port"] = said.pop("sport", 50000)
    row["destination_port"] = said.pop("port", 443)
    row["protocol"] = said.pop("protocol", 6)
    row["family"] = 6 if ":" in source else 4
    row["class"] = CLASS_NAMES.index(str(said.pop("kind", "web")))
    row["slot"], row["home"], row["new"] = LINK.slot, True, True
    row["bytes"] = [sent, received]
    row["packets"] = [-(-int(sent) // 100), -(-int(received) // 100)]
    row["first_ns"], row["last_ns"] = START_NS, START_NS + SECOND_NS
    for name, value in said.items():
        row[name] = value
    if not row["id"][0]:
        row["id"] = (
            zlib.crc32(f"{source} {destination} {row['source_port'][0]}".encode()) + 1
        )
    return row


def rows(*deltas: Array) -> Array:
    """Join rows."""
    return np.concatenate(deltas) if deltas else np.zeros(0, FLOW_DELTA)
