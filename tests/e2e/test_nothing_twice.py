"""What the collector stored is what the kernel counted, whoever was killed in between."""

from __future__ import annotations

import random
import time

import pytest

from tests.support import campaigns
from tests.support.agents import UNITS, Agent
from tests.support.collectors import Collector
from tests.support.namespaces import wait_until
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(3600)]

PARTS = ("flows", "overflow", "non_ip", "unparsed", "filtered")


@pytest.fixture
def collector(quiet_pair, tmp_path):
    running = Collector(quiet_pair[1], tmp_path / "collector")
    yield running
    running.stop()


@pytest.fixture
def agent(quiet_pair, tmp_path, collector):
    running = Agent(
        quiet_pair[1],
        tmp_path,
        capture={"interfaces": ["right0"], "xdp": "off"},
        agent={"backend_url": [collector.url], "retry_backoff": 0.1},
    )
    yield running
    running.remove()


def stored(collector):
    """{direction: {outcome: {unit: count}}} of right0, over all batches."""
    answer = collector.ask("/api/conservation?from=0&interface=right0")
    return {row["direction"]: row for row in answer["interfaces"]}


def test_killed_at_random_under_traffic(agent, collector, quiet_pair):
    left, right = quiet_pair
    chance = random.Random(17)
    collector.start()
    agent.start()
    before = left.statistics("left0")
    with Traffic(left, "left0") as traffic:
        for _ in range(campaigns.count(6, 100)):
            time.sleep(chance.uniform(0.3, 1.5))  # any moment of a tick, a walk, a batch
            victims = chance.choice(([agent], [collector], [agent, collector]))
            for victim in victims:
                victim.kill()
            for victim in reversed(victims):
                victim.start()
        time.sleep(1)
    right.wait_quiet("right0")
    after = left.wait_quiet("left0")
    agent.stop()
    agent.start()
    wait_until("all is delivered", lambda: delivered(agent), timeout_s=120)
    rx = stored(collector)["rx"]
    assert rx["seen"]["frames"] == after["tx_packets"] - before["tx_packets"]
    assert rx["seen"]["bytes"] == traffic.sent_bytes
    for unit in UNITS:
        assert sum(rx[part][unit] for part in PARTS) == rx["seen"][unit], unit


def delivered(agent):
    shown = agent.status()
    return shown["spool"]["batches"] == 0 and shown["uplink"]["batches_sent"] > 0
