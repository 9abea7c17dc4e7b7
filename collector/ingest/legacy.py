"""Sketch estimates as JSON (POST /api/edge/sketches): from older agents, not mergeable."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from collector.records import NANOSECONDS, Arrival
from wire.batch import Batch, Endpoints, Malformed
from wire.schema import ENDPOINT, ENDPOINT_SKETCHES

SKETCHES_MAX: Final = 8192
NO_BOOT: Final = bytes(16)
COUNTERS: Final = ("bytes_in", "bytes_out", "flow_count", "first_seen", "last_seen")


def read(data: bytes, arrival: Arrival) -> tuple[Batch, dict[str, list[float]]]:
    """Return a batch and its estimates; sequence 0: it has no number. Raises Malformed."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {type(error).__name__}") from None
    if not isinstance(message, dict) or not isinstance(message.get("sketches"), list):
        raise Malformed("sketches is not a list")
    sketches: list[Any] = message["sketches"]
    if len(sketches) > SKETCHES_MAX:
        raise Malformed(f"more than {SKETCHES_MAX} sketches")
    if message.get("sketch_count", len(sketches)) != len(sketches):
        raise Malformed(
            f"sketch_count says {message['sketch_count']}, there are {len(sketches)}"
        )
    return batch_of(str(message.get("switch_id") or arrival.agent), sketches, arrival)


def batch_of(
    agent: str, sketches: list[Any], arrival: Arrival
) -> tuple[Batch, dict[str, list[float]]]:
    """Return the batch of a list of estimates, and those. Raises Malformed."""
    totals = np.zeros(len(sketches), ENDPOINT)
    ids: list[str] = []
    estimates: dict[str, list[float]] = {"unique_peers": [], "unique_ports": []}
    for place, sketch in enumerate(sketches):
        if not isinstance(sketch, dict):
            raise Malformed("a sketch is not an object")
        ids.append(name_of(sketch.get("endpoint_id")))
        for name in COUNTERS:
            totals[name][place] = whole(sketch, name, 2**64)
        totals["active_hours"][place] = whole(sketch, "active_hours", 2**24)
        for name, found in estimates.items():
            found.append(estimate(sketch.get(name, 0), name))
    if len(set(ids)) != len(ids):
        raise Malformed("an endpoint_id is doubled")
    none = dict.fromkeys(ENDPOINT_SKETCHES, (b"",) * len(ids))
    batch = Batch(
        agent=agent,
        boot=bytes.fromhex(arrival.serial) if arrival.serial else NO_BOOT,
        sequence=0,
        start_ns=arrival.received_ns - 60 * NANOSECONDS,
        end_ns=arrival.received_ns,
        agent_version="",
        hostname="",
        endpoints=Endpoints(tuple(ids), totals, none),
    )
    return batch, estimates


def name_of(value: Any) -> str:
    """Return an endpoint's id. Raises Malformed."""
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise Malformed("endpoint_id: 1 to 256 characters")
    return value


def whole(sketch: dict[str, Any], name: str, end: int) -> int:
    """Return a counter below end; seconds may come with a fraction. Raises Malformed."""
    value = sketch.get(name, 0)
    if isinstance(value, float) and value == value and abs(value) < 2**63:
        value = int(value)
    if type(value) is not int or not 0 <= value < end:
        raise Malformed(f"{name} is not a whole number below {end}")
    return value


def estimate(value: Any, name: str) -> float:
    """Return a distinct count. Raises Malformed."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < 2**63
    ):
        raise Malformed(f"{name} is not a count")
    return float(value)
