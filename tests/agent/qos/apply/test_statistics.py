"""Counters are those of the tree, not of what shows classes of its own below a leaf."""

from __future__ import annotations

import pytest

from agent.qos.apply import statistics
from tests.agent.qos.apply.frames import traffic
from tests.support.namespaces import wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]


@pytest.fixture
def classful_leaf(bench):
    """As fq_codel and cake do with their flows, on a kernel that may have neither."""
    wanted = bench.wanted(20)
    bench.apply(wanted)
    leaf = ("dev", "left0", "parent", "5745:14")
    bench.tc("qdisc", "del", *leaf)
    bench.tc("qdisc", "add", *leaf, "handle", "6014:", "htb", "default", "11")
    bench.tc(
        "class", "add", "dev", "left0", "parent", "6014:", "classid", "6014:11",
        "htb", "rate", "1mbit",
    )  # fmt: skip
    return wanted


def test_classes_below_a_leaf_are_not_read(bench, classful_leaf):
    with bench.kernel() as kernel:
        found = {key for key in kernel.read() if key[1] == "class"}
    assert found == {key for key in classful_leaf if key[1] == "class"}


def test_classes_below_a_leaf_are_not_counted(bench, classful_leaf, quiet_pair):
    """6014:11 would be voice by its number."""
    with traffic(*quiet_pair, "web"):
        wait_until("traffic", lambda: counts(bench)["web"].sent_packets > 10)
        found = counts(bench)
        assert "class htb 6014:11" in bench.tc("class", "show", "dev", "left0")
    assert [name for name, held in found.items() if held.sent_packets] == ["web"]


def counts(bench):
    with bench.kernel() as kernel:
        index = bench.space.index("left0")
        return statistics.by_class(kernel.netlink, index)
