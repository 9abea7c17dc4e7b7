"""Batches a second that one collector commits, and how long a commit takes.

A real collector process on a fresh folder; 100 agents, every batch new. Two runs: unpaced,
64 uploads in flight, for the rate; then 200 a second for the latency, counted from when
each was due. Sender and collector share the machine. One JSON object a line.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.collector.support import Server, batch, body, headers

BATCHES = 3000
HOSTS, FLOWS = 50, 100
GOAL_PER_SECOND = 200.0
IN_FLIGHT = 64


def made(count: int, first: int) -> list[tuple[dict[str, str], bytes]]:
    """Return uploads of 100 agents."""
    one = batch(1, hosts=HOSTS, heavy=FLOWS)
    found = []
    for number in range(count):
        mine = dataclasses.replace(
            one, agent=f"edge-{number % 100:03d}", sequence=first + number // 100
        )
        found.append((headers(mine), body(mine)))
    return found


async def send(
    url: str, uploads: list[tuple[dict[str, str], bytes]], rate: float
) -> tuple[float, list[float]]:
    """Send every upload; return the seconds it took and each commit's seconds."""
    took: list[float] = []
    gate = asyncio.Semaphore(IN_FLIGHT)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(fields: dict[str, str], data: bytes, due: float) -> None:
            if rate:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            async with gate:
                begin = due if rate else time.perf_counter()
                async with session.post(url, data=data, headers=fields) as answer:
                    assert answer.status == 200, await answer.text()
                took.append(time.perf_counter() - begin)

        begin = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number, (fields, data) in enumerate(uploads):
                tasks.create_task(
                    one(fields, data, begin + number / rate if rate else begin)
                )
        return time.perf_counter() - begin, took


def say(name: str, value: float, unit: str, peer: float | None = None) -> None:
    """Print one figure."""
    ratio = round(value / peer, 3) if peer else None
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit,
                      "peer": peer, "ratio": ratio}), flush=True)  # fmt: skip


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", "--request-rate", "100000").start()
        try:
            url = server.url + "/api/edge/sketches/binary"
            uploads = made(BATCHES, 1)
            size = statistics.mean(len(data) for _, data in uploads)
            begin = time.perf_counter()
            seconds, _ = asyncio.run(send(url, uploads, 0))
            server.settled()
            stored = time.perf_counter() - begin
            say("collector_commits_per_second", BATCHES / seconds, "1/s", GOAL_PER_SECOND)
            say("collector_stores_per_second", BATCHES / stored, "1/s", GOAL_PER_SECOND)
            paced = made(BATCHES, 1000)
            _, took = asyncio.run(send(url, paced, GOAL_PER_SECOND))
            cuts = statistics.quantiles(took, n=100)
            say("collector_commit_p50_at_200_per_second", cuts[49], "s")
            say("collector_commit_p99_at_200_per_second", cuts[98], "s", 1.0)
            say("collector_batch_bytes", size, "bytes")
            detail = server.get("/health/detailed").json
            say("collector_rss", detail["rss_bytes"] / 1e6, "MB")
            rows = server.settled()["metrics"]["weir_collector_rows_total"]
            assert {row["table"]: row["value"] for row in rows}["batches"] == 2 * BATCHES
        finally:
            server.stop()


if __name__ == "__main__":
    main()
