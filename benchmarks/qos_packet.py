"""Nanoseconds that QoS adds to a packet: one JSON object a line. Needs root.

The packet program with QoS against itself without, in turns; the median of the differences.
UDP of 172 bytes, one flow. Marks that change the packet are measured behind a program that
takes the mark off again, whose own cost is in both.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from ipaddress import ip_network

import numpy as np

from agent.capture.layout import (
    BUCKET,
    INTERFACE_SHAPED,
    LIMIT,
    MATCH_TABLE,
    MATCHES,
    SHAPING,
    TX,
)
from agent.capture.loader import bpf
from agent.capture.matches import Match, compiled
from benchmarks.packet_cost import beside_peer
from tests.bpf.engine import SLOT, Engine, engine
from tests.support import frames as build

ROUNDS, REPEAT = 15, 200_000
VOICE = 1
NEVER = 2**62
FRAME = build.ethernet(
    build.ipv4("10.0.0.1", "192.0.2.1", build.udp(5060, 5060, bytes(130)))
)[0]
OTHER = build.ethernet(build.ipv4("10.0.0.2", "192.0.2.1", build.udp(1, 2, b"")))[0]
Setting = Callable[[Engine], None]


def shaped(mode: int = 0, policed: bool = False, limit: int = 0) -> Setting:
    """A row as the agent writes it."""

    def tell(one: Engine) -> None:
        row = np.zeros(1, SHAPING)
        row["root"], row["deadline_ns"], row["mode"] = 0x57450000, NEVER, mode
        row["marks"], row["policed"] = 46, policed << VOICE
        row["limits"] = limit
        one.kernel.set_shaping(SLOT, TX, row)
        one.watch(INTERFACE_SHAPED)

    return tell


def without(one: Engine) -> None:
    one.watch()


def generous(one: Engine) -> None:
    """A policer and a limit that let everything pass."""
    bucket = np.zeros(1, BUCKET)
    bucket["rate_bytes_s"], bucket["expires_ns"] = 2**40, NEVER
    bucket["burst_ns"] = 10**8
    one.kernel.set_policer(SLOT, TX, VOICE, bucket)
    limit = np.zeros(1, LIMIT)
    limit["rate_bytes_s"], limit["burst_ns"] = 2**40, 10**8
    one.kernel.set_limit(1, limit)
    ports = np.zeros(65536, np.uint8)
    ports[5060] = VOICE
    one.kernel.set_classes(ports, np.zeros(64, np.uint8))


def pairs(
    one: Engine, program: int, first: Setting, second: Setting, repeat: int = REPEAT
) -> tuple[int, int, tuple[int, int]]:
    """ns of the first, of what the second adds, and the range of that."""
    before, added = [], []
    for _ in range(ROUNDS):
        taken = []
        for setting in (first, second):
            setting(one)
            bpf.run(program, repeat // 20, FRAME)
            taken.append(bpf.run(program, repeat, FRAME)[1])
        before.append(taken[0])
        added.append(taken[1] - taken[0])
    low, _, high = statistics.quantiles(added, n=4)
    return (
        int(statistics.median(before)),
        int(statistics.median(added)),
        (int(low), int(high)),
    )


def report(name: str, measured: tuple[int, int, tuple[int, int]]) -> None:
    base, added, quartiles = measured
    line = {"name": name, "value": added, "unit": "ns/packet more", "peer": base}
    line |= {"ratio": round((base + added) / base, 2), "quartiles": quartiles}
    print(json.dumps(line), flush=True)


def filling(count: int) -> Setting:
    """A table of matches that fit nothing."""
    nowhere = ip_network("203.0.113.0/24")

    def tell(one: Engine) -> None:
        table = compiled([Match(VOICE, nowhere)] * count)
        one.kernel.set_matches(table if count else np.zeros(1, MATCH_TABLE))

    return tell


def measure(one: Engine, unmark: int, next_tc: int) -> None:
    generous(one)
    egress = one.pinned.programs["weir_egress"]
    for name, second in (
        ("qos_class", shaped()),
        ("qos_class_mark_in_place", shaped(2)),
        ("qos_class_mark_policer", shaped(2, True)),
        ("qos_class_mark_flow_limit", shaped(2, False, 1)),
        ("qos_class_mark_policer_flow_limit", shaped(2, True, 1)),
    ):
        report(name, pairs(one, egress, without, second))
    bpf.map_update(next_tc, 0, np.array([egress], np.uint32))
    report("qos_class_mark_written", pairs(one, unmark, without, shaped(2)))
    report("qos_class_mark_written_policer", pairs(one, unmark, without, shaped(2, True)))


def measure_matches(one: Engine) -> None:
    """What a new flow costs: with one record, taken, every frame begins a flow in vain."""
    one.run("weir_egress", OTHER)
    egress = one.pinned.programs["weir_egress"]
    for count in (1, 8, MATCHES):
        found = pairs(one, egress, filling(0), filling(count), REPEAT // 4)
        report(f"qos_new_flow_with_{count}_matches", found)


def run_all(found: dict[str, int]) -> None:
    for loaded in engine("libbpf"):
        measure(loaded, found["unmark_tc"], found["next_tc"])
    for loaded in engine("libbpf", {"flows": 1}):
        measure_matches(loaded)


if __name__ == "__main__":
    sys.exit(beside_peer(run_all))
