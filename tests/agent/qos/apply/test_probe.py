from __future__ import annotations

import errno

import pytest

from agent.qos.apply.netlink import Netlink, Refused
from agent.qos.apply.probe import abilities, why_not_restorable
from agent.qos.tree import ROOT, Qdisc

pytestmark = pytest.mark.root


def probed(bench, make=Netlink):
    with bench.space.entered(), make() as netlink:
        return abilities(netlink)


def test_what_this_kernel_has(bench):
    links = bench.space.run("ip", "link", "show")
    found = probed(bench)
    assert {"htb", "bfifo", "pfifo"} <= found.qdiscs
    assert found.has_ifb
    # It agrees with what tc may do here, kind by kind.
    for kind in ("fq_codel", "sfq"):
        done = bench.space.run(
            "tc", "qdisc", "add", "dev", "left0", "root", kind, check=False
        )
        shown = bench.tc("qdisc", "show", "dev", "left0", "root")
        assert (kind in shown) == (kind in found.qdiscs), done
        bench.space.run("tc", "qdisc", "del", "dev", "left0", "root", check=False)
    assert bench.space.run("ip", "link", "show") == links


class NoIfb(Netlink):
    """A kernel without IFB and HTB."""

    def write(self, message, kind, flags=0):
        info = str(message["attrs"])
        if "'ifb'" in info or "'htb'" in info:
            raise Refused(errno.EOPNOTSUPP, "Unknown device type")
        super().write(message, kind, flags)


def test_a_kernel_without(bench):
    links = bench.space.run("ip", "link", "show")
    found = probed(bench, NoIfb)
    assert not found.has_ifb
    assert "htb" not in found.qdiscs
    assert "bfifo" in found.qdiscs
    assert bench.space.run("ip", "link", "show") == links


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("tbf", "rate", "1mbit", "burst", "10k", "latency", "50ms"), ""),
        (("pfifo", "limit", "9"), ""),
        (("htb",), "htb holds classes or queues of its own"),
    ],
)
def test_what_can_be_put_back(bench, words, reason):
    bench.tc("qdisc", "add", "dev", "left0", "root", "handle", "42:", *words)
    with bench.kernel() as kernel:
        (root,) = [item for item in kernel.read().values() if isinstance(item, Qdisc)]
        index = bench.space.index("left0")
        assert why_not_restorable(kernel.netlink, index, root) == reason


def test_what_carries_something_cannot(bench):
    bench.tc(
        "qdisc", "add", "dev", "left0", "root", "handle", "42:", "tbf", "rate", "1mbit",
        "burst", "10k", "latency", "50ms",
    )  # fmt: skip
    bench.tc("qdisc", "add", "dev", "left0", "parent", "42:1", "handle", "43:", "pfifo")
    with bench.kernel() as kernel:
        root = next(
            item
            for item in kernel.read().values()
            if isinstance(item, Qdisc) and item.parent == ROOT
        )
        reason = why_not_restorable(kernel.netlink, bench.space.index("left0"), root)
    assert reason == "somebody has put queues, classes or filters below it"


def test_options_that_this_kernel_gives_back_differently(bench):
    odd = Qdisc("left0", ROOT, 0x420000, "tbf", raw="00")
    with bench.kernel() as kernel:
        index = bench.space.index("left0")
        reason = why_not_restorable(kernel.netlink, index, odd)
    assert reason == "this kernel would not give back the same"
