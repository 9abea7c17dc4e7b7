"""An agent that is killed and started again loses nothing and reports nothing twice."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from tests.support import campaigns
from tests.support.agents import Agent, assert_without_gaps, totals, unbalanced
from tests.support.mix import mixed
from tests.support.sending import Sender, pack

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


class Traffic:
    """Frames from the far end, all the time, until told to stop."""

    def __init__(self, space, interface, per_burst=200):
        self.sender = Sender(space, interface)
        self.packed = pack([frame for frame, _ in mixed(7, 20_000, flows=400)])
        self.per_burst = per_burst
        self.sent_bytes = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        chance = np.random.default_rng(3)
        while not self.stopping.is_set():
            picks = chance.integers(0, len(self.packed), self.per_burst)
            self.sender.send_packed(self.packed, picks)
            self.sent_bytes += int(self.packed.lengths[picks].sum())
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.sender.__exit__()


def test_killed_at_random_under_traffic(agent, quiet_pair):
    left, right = quiet_pair
    kills = campaigns.count(6, 20)
    chance = random.Random(11)
    agent.start()
    before = left.statistics("left0")
    with Traffic(left, "left0") as traffic:
        for _ in range(kills):
            time.sleep(chance.uniform(0.3, 2.5))
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
