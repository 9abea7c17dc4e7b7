from __future__ import annotations

import pytest

from agent.qos.apply import transaction
from agent.qos.apply.netlink import Refused
from agent.qos.htb import Moves
from agent.qos.rules import Rule
from agent.qos.tree import Class, Link, Redirect

pytestmark = pytest.mark.root
BARE = "qdisc noqueue 0: dev left0 root refcnt 2"


def test_a_tree_comes_and_goes_and_leaves_nothing(bench):
    before = bench.read()
    wanted = bench.wanted(20, 50)
    assert len(bench.apply(wanted)) > 60
    assert bench.read() == wanted
    assert Redirect("left0", "wi-left0") in wanted.values()
    assert bench.revert()
    assert bench.read() == before
    assert BARE in bench.tc("qdisc", "show")
    assert [path.name for path in bench.directory.iterdir()] == ["lock"]


def test_applying_again_writes_nothing(bench):
    wanted = bench.wanted(20, 50)
    bench.apply(wanted)
    with bench.kernel() as kernel:
        assert transaction.apply(kernel, bench.journal, wanted) == []
        assert kernel.netlink.writes == 0


def test_a_reload_changes_in_place(bench):
    bench.apply(bench.wanted(20, 50))
    wanted = bench.wanted(30, 40, (Rule("video", 5, 10, 3), Rule("file", 1, 5, 0)))
    steps = bench.apply(wanted)
    assert all(step.old and step.new for step in steps)
    assert bench.read() == wanted


def test_a_direction_can_be_dropped(bench):
    bench.apply(bench.wanted(20, 50))
    wanted = bench.wanted(20, 0)
    bench.apply(wanted)
    assert bench.read() == wanted
    assert "clsact" not in bench.tc("qdisc", "show")


def test_rates_are_adjusted_without_notes_on_disk(bench):
    bench.apply(bench.wanted(20))
    wanted = bench.wanted(20, moves=Moves(10_000_000, {"background": 1_000_000}))
    with bench.kernel() as kernel:
        steps = transaction.adjust(kernel, wanted)
        assert kernel.netlink.writes == len(steps) == 8
        assert transaction.adjust(kernel, wanted) == []
    assert bench.read() == wanted
    assert not (bench.directory / "journal.json").exists()


def test_adjusting_refuses_to_build(bench):
    with bench.kernel() as kernel, pytest.raises(ValueError, match="qos apply"):
        transaction.adjust(kernel, bench.wanted(20))
    assert BARE in bench.tc("qdisc", "show")


def test_a_tick_without_a_change_writes_nothing(bench):
    """It comes every second, and a router's disk is flash, or full."""
    with bench.kernel() as kernel:
        assert not transaction.recover(kernel, bench.journal, 999.0)
        assert not bench.directory.exists()
        bench.apply(bench.wanted(20))
        before = (bench.directory / "lock").stat().st_mtime_ns
        assert not transaction.recover(kernel, bench.journal, 999.0)
    assert (bench.directory / "lock").stat().st_mtime_ns == before


def test_a_change_that_is_not_confirmed_is_taken_back(bench):
    before = bench.read()
    bench.apply(bench.wanted(20), confirm_by=1000.0)
    with bench.kernel() as kernel:
        assert not transaction.recover(kernel, bench.journal, 999.0)
        with pytest.raises(transaction.Unconfirmed, match="confirm or revert"):
            transaction.apply(kernel, bench.journal, bench.wanted(30))
        assert transaction.recover(kernel, bench.journal, 1000.0)
        assert not transaction.recover(kernel, bench.journal, 1001.0)
    assert bench.read() == before
    assert not (bench.directory / "before.json").exists()


def test_a_reload_that_is_not_confirmed_goes_back_to_the_old_rules(bench):
    old = bench.wanted(20)
    bench.apply(old)
    bench.apply(bench.wanted(5), confirm_by=1000.0)
    with bench.kernel() as kernel:
        assert transaction.recover(kernel, bench.journal, 1000.0)
    assert bench.read() == old


def test_a_confirmed_change_stays(bench):
    wanted = bench.wanted(20)
    bench.apply(wanted, confirm_by=1000.0)
    assert transaction.confirm(bench.journal)
    assert not transaction.confirm(bench.journal)
    with bench.kernel() as kernel:
        assert not transaction.recover(kernel, bench.journal, 2000.0)
    assert bench.read() == wanted


def test_an_unconfirmed_change_can_be_reverted(bench):
    before = bench.read()
    bench.apply(bench.wanted(20), confirm_by=1000.0)
    bench.revert()
    assert bench.read() == before


STRANGERS = [
    ("tbf", "rate", "1mbit", "burst", "10k", "latency", "50ms"),
    ("pfifo", "limit", "77"),
    ("bfifo", "limit", "7777"),
    ("pfifo_fast",),
]


@pytest.mark.parametrize("words", STRANGERS, ids=lambda words: words[0])
def test_a_strangers_root_is_refused_or_adopted_and_put_back(bench, words):
    bench.tc("qdisc", "add", "dev", "left0", "root", "handle", "42:", *words)
    shown = bench.tc("qdisc", "show", "dev", "left0")
    wanted = bench.wanted(20)
    with pytest.raises(
        transaction.Stranger, match=f"root qdisc {words[0]} 42: is not Weir's"
    ):
        bench.apply(wanted)
    assert bench.tc("qdisc", "show", "dev", "left0") == shown
    bench.apply(wanted, adopt=True)
    assert bench.read() == wanted
    bench.revert()
    assert bench.tc("qdisc", "show", "dev", "left0") == shown


def test_a_strangers_tree_is_never_adopted(bench):
    bench.tc("qdisc", "add", "dev", "left0", "root", "handle", "42:", "htb")
    shown = bench.tc("qdisc", "show", "dev", "left0")
    with pytest.raises(transaction.Stranger, match="htb holds classes or queues"):
        bench.apply(bench.wanted(20), adopt=True)
    assert bench.tc("qdisc", "show", "dev", "left0") == shown


def test_revert_leaves_what_came_since(bench):
    """Somebody has replaced Weir's tree: that is his, and the tree is gone anyway."""
    bench.apply(bench.wanted(20))
    bench.tc(
        "qdisc", "replace", "dev", "left0", "root", "handle", "42:", "pfifo", "limit", "9"
    )
    bench.revert()
    assert "qdisc pfifo 42: root" in bench.tc("qdisc", "show", "dev", "left0")


def test_revert_without_notes_takes_away_what_is_ours(bench):
    before = bench.read()
    bench.apply(bench.wanted(20))
    for path in bench.directory.glob("*.json"):
        path.unlink()
    bench.revert()
    after = bench.read()
    assert not [item for item in after.values() if not isinstance(item, Link)]
    assert after.keys() == before.keys()


def test_a_reboot_forgets(bench):
    bench.apply(bench.wanted(20))
    later = transaction.Journal(bench.directory, boot="another")
    assert later.before() == {}
    assert later.entry() is None


def test_a_hook_that_somebody_uses_by_now_stays(bench):
    bench.apply(bench.wanted(20, 50))
    filter_ = ("dev", "left0", "egress", "prio", "7", "protocol", "ip", "u32")
    bench.tc("filter", "add", *filter_, "match", "u32", "0", "0", "classid", "1:1")
    shown = bench.tc("filter", "show", "dev", "left0", "egress")
    bench.revert()
    assert "clsact" in bench.tc("qdisc", "show", "dev", "left0")
    assert bench.tc("filter", "show", "dev", "left0", "egress") == shown
    assert bench.tc("filter", "show", "dev", "left0", "ingress") == ""


def test_a_hook_that_was_there_stays(bench):
    bench.tc("qdisc", "add", "dev", "left0", "clsact")
    before = bench.tc("qdisc", "show")
    bench.apply(bench.wanted(20, 50))
    bench.revert()
    assert bench.tc("qdisc", "show") == before


def test_a_missing_device(bench):
    bench.device = "nosuch0"
    with pytest.raises(Refused, match="nosuch0: there is no such device: check the name"):
        bench.wanted(20)


def test_class_numbers_survive_the_kernel(bench):
    """What is written is what is read, up to rates of 100 Gbit/s."""
    wanted = bench.wanted(100_000, rules=(Rule("video", 50_000, 90_000, 3),))
    bench.apply(wanted)
    assert bench.read() == wanted
    assert max(one.rate_bps for one in wanted.values() if isinstance(one, Class)) == 10**11
