"""Nanoseconds a packet of the loaded programs: one JSON object a line. Needs root.

Against benchmarks/peer.bpf.c, the least a flow counter can do, in the same run. Hot: one
flow. Random: 65,536 flows in an order no prefetcher knows, by way of a program that
renumbers the frame and calls the measured one; its own cost is taken off. Best of several
runs. Goal: ratio 1.5.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.capture.loader import bpf
from tests.bpf.engine import OBJECT, engine
from tests.support import frames as build

HERE = Path(__file__).resolve().parent
RUNS = 7
HOT, RANDOM = 2_000_000, 1_000_000
FLOWS = 65536
SIZES = {"flows": 131072}
FRAME = build.ethernet(
    build.ipv4(
        "10.0.0.1",
        "192.0.2.1",
        build.tcp(40000, 443, bytes(400), options=build.tcp_timestamps(7, 9)),
    )
)[0]


def peer(directory: Path) -> dict[str, int]:
    """Programs and maps of the peer, by name."""
    target = directory / "peer.o"
    include = f"-I/usr/include/{os.uname().machine}-linux-gnu"
    command = [os.environ.get("CLANG", "clang-14"), "-O2", "-g", "-target", "bpf"]
    command += ["-mcpu=v3", include, "-c", str(HERE / "peer.bpf.c"), "-o", str(target)]
    subprocess.run(command, check=True)
    pins = Path(tempfile.mkdtemp(prefix="weir-bench-", dir="/sys/fs/bpf"))
    load = ["bpftool", "prog", "loadall", str(target), str(pins), "pinmaps", str(pins)]
    try:
        subprocess.run(load, check=True)
        return {path.name: bpf.open_pin(path) for path in pins.iterdir()}
    finally:
        for path in pins.iterdir():
            path.unlink()
        pins.rmdir()


def best(program: int, repeat: int) -> int:
    bpf.run(program, repeat // 10, FRAME)
    return min(bpf.run(program, repeat, FRAME)[1] for _ in range(RUNS))


def through(table: int, vary: int, program: int) -> int:
    """Run the renumbering program with another behind it."""
    bpf.map_update(table, 0, np.array([program], np.uint32))
    bpf.run(vary, 2 * FLOWS, FRAME)  # every flow is there before the clock runs
    return best(vary, RANDOM)


def measure(name: str, kind: str, program: int, found: dict[str, int]) -> None:
    empty, other = found[f"empty_{kind}"], found[f"peer_{kind}"]
    report(f"{name}_hot_ns", best(program, HOT), best(other, HOT))
    table, vary = found[f"next_{kind}"], found[f"vary_{kind}"]
    base = through(table, vary, empty)
    least = through(table, vary, other) - base
    report(f"{name}_64k_flows_ns", through(table, vary, program) - base, least)


def report(name: str, value: int, least: int) -> None:
    line = {"name": name, "value": value, "unit": "ns/packet", "peer": least}
    print(json.dumps(line | {"ratio": round(value / least, 2)}), flush=True)


def beside_peer(run: Callable[[dict[str, int]], None]) -> int:
    """Run with the peer loaded, on one CPU; return the exit status."""
    if not OBJECT.exists():
        print(f"{OBJECT}: no such object; run: make bpf", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        found = peer(Path(scratch))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    run(found)
    return 0


def run_all(found: dict[str, int]) -> None:
    for loaded in engine("libbpf", SIZES):
        for name in ("weir_xdp", "weir_ingress", "weir_egress"):
            kind = "xdp" if name == "weir_xdp" else "tc"
            measure(name, kind, loaded.pinned.programs[name], found)


if __name__ == "__main__":
    sys.exit(beside_peer(run_all))
