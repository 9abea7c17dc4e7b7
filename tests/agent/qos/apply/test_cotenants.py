"""What others have on the device is, byte for byte, what it was."""

from __future__ import annotations

import pytest

from agent.qos.apply import transaction
from tests.support.campaigns import count

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(600)]

FOREIGN = [
    ("qdisc", "add", "dev", "left0", "clsact"),
    *(
        ("filter", "add", "dev", "left0", hook, "prio", prio, "protocol", "ip", "u32",
         "match", "ip", "protocol", "17", "0xff", "classid", f"1:{prio[0]}")
        for hook in ("ingress", "egress")
        for prio in ("1", "40000")
    ),
]  # fmt: skip
ELSEWHERE = [
    ("qdisc", "add", "dev", "other0", "root", "handle", "1:", "htb", "default", "10"),
    ("class", "add", "dev", "other0", "parent", "1:", "classid", "1:10", "htb", "rate",
     "5mbit"),
    ("qdisc", "add", "dev", "other0", "parent", "1:10", "handle", "10:", "pfifo", "limit",
     "7"),
]  # fmt: skip


def shown(bench):
    parts = [bench.tc("qdisc", "show"), bench.tc("class", "show", "dev", "other0")]
    for hook in ("ingress", "egress"):
        parts.append(bench.tc("filter", "show", "dev", "left0", hook))
    parts.append(bench.space.run("ip", "-d", "link", "show"))
    return "".join(parts)


def test_rounds_of_install_and_removal(bench):
    bench.space.run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
    bench.space.run("ip", "link", "set", "other0", "up")
    for words in (*FOREIGN, *ELSEWHERE):
        bench.tc(*words)
    before = shown(bench)
    foreign = bench.tc("filter", "show", "dev", "left0", "ingress").rstrip()
    wanted = bench.wanted(20, 50)
    for number in range(count(10, 100)):
        assert bench.apply(wanted)
        installed = bench.tc("filter", "show", "dev", "left0", "ingress")
        # Weir's filter comes after all others.
        assert installed.startswith(foreign)
        assert "mirred (Egress Redirect to device wi-left0)" in installed
        bench.revert()
        assert shown(bench) == before, number


def test_an_ifb_of_somebody_else_is_not_ours(bench):
    bench.space.run("ip", "link", "add", "wi-left0", "type", "ifb")
    before = shown_links(bench)
    wanted = bench.wanted(20, 50)
    with pytest.raises(OSError, match="File exists"):
        bench.apply(wanted)
    assert shown_links(bench) == before
    bench.revert()
    assert shown_links(bench) == before
    with bench.kernel() as kernel:
        assert not transaction.recover(kernel, bench.journal, 0.0)


def shown_links(bench):
    return bench.space.run("ip", "link", "show") + bench.tc("qdisc", "show")
