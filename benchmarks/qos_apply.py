"""How long trees of 6, 50 and 1,000 classes take to build, to move and to leave alone.

One JSON object a line. Needs root. As the agent does it: read, compare, journal, carry out,
read back. HTB with a bfifo below each class, in a namespace of its own. The value is CPU
time, the kernel's included; wall is beside it. Best of several.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent.qos.apply import transaction
from agent.qos.htb import ACTIVE, BASELINE_LEAVES
from agent.qos.model import state
from agent.qos.tree import EGRESS_MAJOR, ROOT, Class, Item, Qdisc, State, leaf_handle
from tests.agent.qos.apply.worlds import Bench
from tests.support.namespaces import world

SIZES = {6: 15, 50: 9, 1000: 3}
LINK_BPS = 1_000_000_000
BURST_NS = 1_000_000 // 64 * 64
FIRST = 0x100  # minor of the first class
MAJOR = EGRESS_MAJOR << 16
OPTIONS = (("default", BASELINE_LEAVES), ("direct_packets", 1000), ("r2q", 10))


class Run(NamedTuple):
    """One piece of work."""

    cpu_ms: float
    wall_ms: float
    writes: int  # requests that changed something


def tree(count: int, bare: State, ceil_bps: int) -> State:
    """A root, a class for the link, and so many below it, each with its queue."""
    root, top = MAJOR, MAJOR | ACTIVE
    items: list[Item] = [
        *bare.values(),
        Qdisc("left0", ROOT, root, "htb", OPTIONS),
        Class("left0", top, root, LINK_BPS, LINK_BPS, BURST_NS, BURST_NS),
    ]
    rate_bps = LINK_BPS // count // 8 * 8
    for minor in range(FIRST, FIRST + count):
        one = Class("left0", MAJOR | minor, top, rate_bps, ceil_bps, BURST_NS, BURST_NS)
        items.append(replace(one, quantum_bytes=1514, priority=1))
        handle = leaf_handle(one.handle)
        items.append(Qdisc("left0", one.handle, handle, "bfifo", (("limit", 100_000),)))
    return state(items)


def timed(work: Callable[[], int]) -> Run:
    """What one piece of work took."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    writes = work()
    cpu_ms = (time.process_time() - begin_cpu) * 1e3
    return Run(cpu_ms, (time.perf_counter() - begin) * 1e3, writes)


def applying(bench: Bench, wanted: State) -> Callable[[], int]:
    def work() -> int:
        with bench.kernel() as kernel:
            transaction.apply(kernel, bench.journal, wanted)
            return kernel.netlink.writes

    return work


def report(name: str, runs: list[Run]) -> None:
    best = min(runs)
    line = {"name": name, "value": round(best.cpu_ms, 1), "unit": "ms CPU", "peer": "–"}
    line |= {"ratio": "–", "wall_ms": round(min(run.wall_ms for run in runs), 1)}
    line |= {"writes": best.writes, "runs": [round(run.cpu_ms, 1) for run in sorted(runs)]}
    print(json.dumps(line), flush=True)


def measure(bench: Bench, count: int, rounds: int) -> None:
    bare = bench.read()
    low, high = tree(count, bare, LINK_BPS // 2), tree(count, bare, LINK_BPS)
    built, moved, idle = [], [], []
    for _ in range(rounds):
        built.append(timed(applying(bench, low)))
        idle.append(timed(applying(bench, low)))
        moved.append(timed(applying(bench, high)))
        assert bench.read() == high
        bench.revert()
    report(f"qos_build_{count}_classes", built)
    report(f"qos_move_{count}_classes", moved)
    report(f"qos_nothing_to_do_{count}_classes", idle)
    assert [run.writes for run in idle] == [0] * rounds


def main() -> int:
    with world() as made, tempfile.TemporaryDirectory() as scratch:
        left, _ = made.pair(quiet=True)
        for count, rounds in SIZES.items():
            measure(Bench(left, Path(scratch) / str(count)), count, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
