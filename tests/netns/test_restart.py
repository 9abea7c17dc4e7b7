"""An agent that is killed and started again loses nothing and reports nothing twice."""

from __future__ import annotations

import random
import time

import pytest

from tests.support import campaigns
from tests.support.agents import Agent, assert_without_gaps, totals, unbalanced
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(1200)]


@pytest.fixture(
    params=[{"xdp": "off"}, {"xdp": "native"}, {"xdp": "off", "max_flows": 128}],
    ids=["tcx", "xdp", "a full map"],
)
def agent(request, quiet_pair, tmp_path):
    _, right = quiet_pair
    running = Agent(right, tmp_path, capture={"interfaces": ["right0"], **request.param})
    yield running
    running.remove()


def test_killed_at_random_under_traffic(agent, quiet_pair):
    left, right = quiet_pair
    kills = campaigns.count(6, 20)
    chance = random.Random(11)
    agent.start()
    before = left.statistics("left0")
    with Traffic(left, "left0") as traffic:
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 1.5))  # any moment of a tick, a walk, a batch
            agent.kill()
            agent.start()
        time.sleep(1)
    right.wait_quiet("right0")
    after = left.wait_quiet("left0")
    agent.stop()

    batches = agent.batches()
    sums = totals(batches, "right0")
    assert unbalanced(sums) == {}
    assert sums["rx", "seen", "frames"] == after["tx_packets"] - before["tx_packets"]
    # A veth whose peer runs XDP leaves link headers out of its own byte counts.
    assert sums["rx", "seen", "bytes"] == traffic.sent_bytes
    assert_without_gaps([batch.sequence for batch in batches])
    endpoints = sum(int(b.endpoints.totals["packets_in"].sum()) for b in batches)
    assert endpoints > 0
    flows = sums["rx", "flows", "packets"] + sums["tx", "flows", "packets"]
    sent = sum(int(b.endpoints.totals["packets_out"].sum()) for b in batches)
    assert sent <= 2 * flows
