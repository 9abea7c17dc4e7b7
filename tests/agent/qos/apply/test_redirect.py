from __future__ import annotations

import time

import pytest

from agent.qos.apply import statistics
from agent.qos.plan import ifb_name
from tests.agent.qos.apply.frames import Receiver, Sender

pytestmark = pytest.mark.root


@pytest.mark.alone
def test_what_arrives_is_shaped(bench, quiet_pair):
    """10 Mbit/s into left0, though right0 sends as fast as its socket lets it."""
    left, right = quiet_pair
    bench.apply(bench.wanted(0, 10))
    with (
        Receiver(left, "left0") as receiver,
        Sender(right, "right0", "unknown", base=0),
        bench.kernel() as kernel,
    ):
        index = left.index(ifb_name("left0"))
        before = statistics.of_root(kernel.netlink, index)
        start = time.monotonic()
        time.sleep(2)
        after = statistics.of_root(kernel.netlink, index)
        passed = time.monotonic() - start
    sent = (after.sent_bytes - before.sent_bytes) * 8 / passed
    # The frames take the baseline branch: nobody has given them a class.
    assert 9e6 < sent < 10.5e6
    assert after.overlimits > before.overlimits
    assert receiver.numbers["unknown"]


def test_reading_and_writing(bench):
    bench.tc("qdisc", "add", "dev", "left0", "clsact")
    with bench.kernel() as kernel:
        index = bench.space.index("left0")
        for target in (index, 1, 0):
            kernel.redirects.write(index, target)
            assert kernel.redirects.read(index) == target
        assert not kernel.is_hook_shared("left0") if kernel.read() else False
    assert bench.tc("filter", "show", "dev", "left0", "ingress") == ""
