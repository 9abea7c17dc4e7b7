"""The whole agent at 100,000 live flows: memory, CPU of a walk with sketches, idle CPU.

Flows are made by 100,000 frames of two ends and 50,000 ports each; then every flow gets one
more frame between two walks, so that each walk finds all of them changed.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from tests.support import frames as build
from tests.support.agents import Agent
from tests.support.namespaces import world
from tests.support.sending import Sender, pack

FLOWS = 100_000
TICKS = os.sysconf("SC_CLK_TCK")
GOALS = {"rss_mb": 120, "idle_percent": 1, "walk_cpu_ms": 150}
IDLE_S = 20
WALKS = 5


def line(name: str, value: float, unit: str, goal: float) -> None:
    print(
        json.dumps(
            {"name": name, "value": round(value, 3), "unit": unit, "peer": f"goal {goal}",
             "ratio": round(value / goal, 3)}
        ),
        flush=True,
    )  # fmt: skip


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    for row in Path(f"/proc/{pid}/status").read_text().splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    raise AssertionError(pid)


def frames() -> list[bytes]:
    """One frame for each flow."""
    return [
        build.ethernet(
            build.ipv4(
                f"10.0.{number % 250}.{number % 241 + 1}",
                f"192.0.2.{number % 200 + 1}",
                build.udp(1024 + number % 60_000, 20_000 + number // 60_000, bytes(60)),
            )
        )[0]
        for number in range(FLOWS)
    ]


def main() -> None:
    packed = pack(frames())
    with world() as made, tempfile.TemporaryDirectory() as folder:
        left, right = made.pair(quiet=True)
        agent = Agent(
            right,
            Path(folder),
            capture={
                "interfaces": ["right0"],
                "xdp": "off",
                "max_flows": 131_072,
                "walk_interval": 10,
            },
            agent={"sync_interval": 60},
        )
        try:
            agent.start()
            assert agent.process is not None
            pid = agent.process.pid
            time.sleep(5)
            started = cpu_seconds(pid)
            time.sleep(IDLE_S)
            idle = (cpu_seconds(pid) - started) / IDLE_S * 100
            line("agent.idle_cpu", idle, "% of a core", GOALS["idle_percent"])
            with Sender(left, "left0") as sender:
                busy = []
                for _ in range(WALKS):
                    sender.send_packed(packed)
                    before = cpu_seconds(pid)
                    time.sleep(10)
                    busy.append(cpu_seconds(pid) - before - idle / 100 * 10)
            line("agent.walk_cpu", min(busy) * 1000, "ms", GOALS["walk_cpu_ms"])
            line("agent.rss_at_100k_flows", rss_mb(pid), "MB", GOALS["rss_mb"])
        finally:
            agent.remove()


if __name__ == "__main__":
    main()
