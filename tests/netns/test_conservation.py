"""Everything that crosses a hook is seen, and lands in exactly one outcome. Error 0."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from tests.support import campaigns
from tests.support.agents import UNITS, Agent, totals, unbalanced
from tests.support.capturing import capture
from tests.support.mix import mixed
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(3600)]

FRAMES = campaigns.count(150_000, 10_000_000)
FLOWS = 50_000
SMALL_MAP = 1_000


@pytest.fixture(scope="module")
def traffic():
    """v4, v6, VLAN, fragments, ARP and rubbish, of mixed size, in FLOWS conversations."""
    return pack([frame for frame, _ in mixed(23, 120_000, flows=FLOWS)])


@pytest.mark.parametrize("max_flows", [131_072, SMALL_MAP], ids=["roomy", "1,000 entries"])
@pytest.mark.parametrize(
    ("end", "settings"),
    [
        ("rx", {"xdp": "native"}),
        ("rx", {"xdp": "off", "tc": "tcx"}),
        ("rx", {"xdp": "off", "tc": "clsact"}),
        ("tx", {"xdp": "off", "tc": "tcx"}),
        ("tx", {"xdp": "off", "tc": "clsact"}),
    ],
    ids=["rx xdp", "rx tcx", "rx clsact", "tx tcx", "tx clsact"],
)
def test_every_frame_is_counted_once(
    quiet_pair, tmp_path, traffic, end, settings, max_flows
):
    left, right = quiet_pair
    space, interface = (right, "right0") if end == "rx" else (left, "left0")
    agent = Agent(
        space,
        tmp_path,
        # The walk runs all the time.
        capture={"interfaces": [interface], "max_flows": max_flows, "walk_interval": 0.1}
        | settings,
    )
    chance = np.random.default_rng(5)
    sent_bytes = 0
    try:
        agent.start()
        before = left.statistics("left0")
        with Sender(left, "left0") as sender, bracketed(agent) as brackets:
            for _ in range(0, FRAMES, 50_000):
                picks = chance.integers(0, len(traffic), min(50_000, FRAMES))
                sender.send_packed(traffic, picks)
                sent_bytes += int(traffic.lengths[picks].sum())
        right.wait_quiet("right0")
        after = left.wait_quiet("left0")
        agent.stop()
        sums = totals(agent.batches(), interface)
    finally:
        agent.remove()
    assert brackets.checked > 0
    assert brackets.broken == []
    assert unbalanced(sums) == {}
    assert sums[end, "seen", "frames"] == after["tx_packets"] - before["tx_packets"]
    assert sums[end, "seen", "bytes"] == sent_bytes
    if max_flows == SMALL_MAP:
        assert sums[end, "overflow", "packets"] > 0


class bracketed:  # noqa: N801
    """While traffic runs: seen before the walk <= the sum of outcomes <= seen after it."""

    def __init__(self, agent):
        self.agent = agent
        self.stopping = threading.Event()
        self.checked = 0
        self.broken = []
        self.thread = threading.Thread(target=self.run)

    def seen(self):
        direction = self.agent.status()["interfaces"][0]["direction"]
        return {hook: direction[hook] for hook in ("rx", "tx")}

    def run(self):
        while not self.stopping.is_set():
            before, middle, after = self.seen(), self.seen(), self.seen()
            for hook in ("rx", "tx"):
                for unit in UNITS:
                    parts = sum(
                        middle[hook][part][unit]
                        for part in ("flows", "overflow", "non_ip", "unparsed", "filtered")
                    )
                    low, high = before[hook]["seen"][unit], after[hook]["seen"][unit]
                    if not low <= parts <= high:
                        self.broken.append((hook, unit, low, parts, high))
            self.checked += 1
            time.sleep(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def test_the_far_end_captures_what_was_seen(quiet_pair, tmp_path, traffic):
    left, right = quiet_pair
    agent = Agent(left, tmp_path, capture={"interfaces": ["left0"], "xdp": "off"})
    try:
        agent.start()
        picks = np.arange(50_000)
        with (
            capture(right, "right0", tmp_path / "far.pcap") as captured,
            Sender(left, "left0") as sender,
        ):
            sender.send_packed(traffic, picks)
            right.wait_quiet("right0")
        agent.stop()
        sums = totals(agent.batches(), "left0")
    finally:
        agent.remove()
    lengths = captured.lengths()
    assert sums["tx", "seen", "packets"] == len(lengths) == len(picks)
    assert sums["tx", "seen", "bytes"] == sum(lengths)
