"""Nothing missing, nothing twice: batches sent through kill -9 are stored once each."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.collector.support import Server, batch

EVER = "from=-86400&to=4000000000"
KILLS = 100 if os.environ.get("WEIR_CAMPAIGN") == "long" else 4


def send_all(server: Server, agent: str, last: int, sent: list[int]) -> None:
    """Send numbers 1 to last in order, each until it is acknowledged, as an agent does."""
    number = 1
    while number <= last:
        try:
            if server.post(batch(number, agent=agent)).status == 200:
                sent[0] = number
                number += 1
        except OSError:
            time.sleep(0.02)


def stored(server: Server) -> dict[tuple[str, int], int]:
    """Return how often each batch is in the store."""
    server.settled()
    counts: dict[tuple[str, int], int] = {}
    found = server.get(f"/api/batches?{EVER}&limit=100000").json["batches"]
    for row in found:
        key = (row["agent"], row["sequence"])
        counts[key] = counts.get(key, 0) + 1
    return counts


@pytest.mark.campaign
@pytest.mark.timeout(60 + 15 * KILLS)
def test_kill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    randomness = random.Random(20)
    server = Server(tmp_path / "data", "--request-rate", "100000").start()
    agents = ("edge-001", "edge-002", "edge-003")
    last = 60 * KILLS
    sent = {agent: [0] for agent in agents}
    senders = [
        threading.Thread(target=send_all, args=(server, agent, last, sent[agent]))
        for agent in agents
    ]
    for sender in senders:
        sender.start()
    kills = 0
    while kills < KILLS:
        time.sleep(randomness.uniform(0.05, 1.2))
        server.kill()
        server.start()
        kills += 1
    for sender in senders:
        sender.join()
    assert stored(server) == {(agent, n): 1 for agent in agents for n in range(1, last + 1)}
    for row in server.get(f"/api/conservation?{EVER}").json["interfaces"]:
        packets = 200 if row["direction"] == "rx" else 100
        assert row["seen"]["packets"] == packets * last
    totals = server.get(f"/api/endpoints?{EVER}&limit=10").json["endpoints"]
    assert sum(row["flow_count"] for row in totals) == 2 * 3 * last * len(agents)
    assert server.stop() == 0
