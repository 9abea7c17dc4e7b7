"""One rtnetlink socket: whole dumps, and refusals with their number."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyroute2.netlink import NLM_F_CREATE, NLM_F_DUMP_INTR, NLM_F_EXCL, nlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_DELQDISC, RTM_GETQDISC, RTM_GETTCLASS, RTM_NEWQDISC

from agent.qos.apply.netlink import Netlink, Refused, _Dump, _reason, tc_message
from agent.qos.apply.options import decode_class
from tests.support.namespaces import Namespace

CLSACT, HOOK = 0xFFFF0000, 0xFFFFFFF1


@pytest.fixture
def netlink(quiet_pair: tuple[Namespace, Namespace]) -> Iterator[Netlink]:
    with quiet_pair[0].entered(), Netlink() as one:
        yield one


@pytest.mark.parametrize(
    ("number", "gone"),
    [(errno.ENODEV, True), (errno.ENOENT, True), (errno.EPERM, False), (None, False)],
)
def test_what_is_not_there_any_more_is_gone(number: int | None, gone: bool):
    assert Refused(number, "x").is_gone is gone


@pytest.mark.parametrize(
    ("error", "reason"),
    [(NetlinkError(22, "Change operation not supported"), "Change operation not supported"),
     (NetlinkError(22, ""), "Invalid argument"), (NetlinkError(22), "Invalid argument")],
)  # fmt: skip
def test_the_kernels_own_words_come_first(error: NetlinkError, reason: str):
    assert _reason(error) == reason


def test_a_message_is_about_one_device():
    message = tc_message(7, parent=HOOK, handle=CLSACT)
    assert (message["index"], message["parent"], message["handle"]) == (7, HOOK, CLSACT)
    assert "parent" not in tc_message(7)


@pytest.mark.root
def test_devices_and_their_qdiscs(
    netlink: Netlink, quiet_pair: tuple[Namespace, Namespace]
):
    names = {link.get_attr("IFLA_IFNAME") for link in netlink.devices()}
    assert {"lo", "left0"} <= names
    index = quiet_pair[0].index("left0")
    assert {one["index"] for one in netlink.tc(RTM_GETQDISC, index)} <= {index}
    assert netlink.tc(RTM_GETTCLASS, index) == []
    assert netlink.tc(RTM_GETQDISC, 99_999) == []
    assert netlink.writes == 0


@pytest.mark.root
def test_a_dump_of_many_datagrams_is_whole_and_is_what_tc_tells(
    netlink: Netlink, quiet_pair: tuple[Namespace, Namespace], tmp_path: Path
):
    space, _ = quiet_pair
    lines = ["qdisc add dev left0 root handle 9: htb default 1"]
    lines += [
        f"class add dev left0 parent 9: classid 9:{number:x} htb rate {number}mbit"
        for number in range(1, 301)
    ]
    (tmp_path / "batch").write_text("\n".join(lines) + "\n")
    space.run("tc", "-batch", str(tmp_path / "batch"))
    found = netlink.tc(RTM_GETTCLASS, space.index("left0"), parent=9 << 16)
    found.sort(key=lambda one: one["handle"])
    assert [one["handle"] for one in found] == [9 << 16 | n for n in range(1, 301)]
    assert {one.get_attr("TCA_KIND") for one in found} == {"htb"}
    assert {one["parent"] for one in found} == {0xFFFFFFFF}
    rates = [
        decode_class("left0", one["handle"], 0, one.get_attr("TCA_OPTIONS")).rate_bps
        for one in found
    ]
    assert rates == [number * 1_000_000 for number in range(1, 301)]


class Interrupted(Netlink):
    """A dump during which links come and go, so often."""

    times = 0

    def _ask(self, message: nlmsg, kind: int, flags: int) -> list[Any]:
        answers = super()._ask(message, kind, flags)
        self.times -= 1
        if self.times >= 0:
            raise Refused(errno.EINTR, "interrupted")
        return answers


@pytest.mark.root
def test_a_dump_that_was_interrupted_is_asked_for_again(
    quiet_pair: tuple[Namespace, Namespace],
):
    with quiet_pair[0].entered(), Interrupted() as one:
        one.times = 4
        assert "left0" in {link.get_attr("IFLA_IFNAME") for link in one.devices()}
        one.times = 5
        with pytest.raises(Refused) as refusal:
            list(one.devices())
        assert refusal.value.errno == errno.EINTR


def test_the_kernels_mark_of_an_interrupted_dump_is_seen():
    """pyroute2 does not look at it; the last message may be the one that has it."""
    dump = _Dump()
    assert not dump({"header": {"flags": 0}})
    assert dump.is_whole
    assert not dump({"header": {"flags": NLM_F_DUMP_INTR}})
    assert not dump({"header": {"flags": 0}})
    assert not dump.is_whole


@pytest.mark.root
def test_a_write_is_answered_and_counted(
    netlink: Netlink, quiet_pair: tuple[Namespace, Namespace]
):
    index = quiet_pair[0].index("left0")
    message = tc_message(index, parent=HOOK, handle=CLSACT)
    message["attrs"] = [["TCA_KIND", "clsact"]]
    netlink.write(message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL)
    found = [one.get_attr("TCA_KIND") for one in netlink.tc(RTM_GETQDISC, index)]
    assert "clsact" in found
    again = tc_message(index, parent=HOOK, handle=CLSACT)
    again["attrs"] = [["TCA_KIND", "clsact"]]
    with pytest.raises(Refused) as refusal:
        netlink.write(again, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL)
    assert refusal.value.errno == errno.EEXIST
    assert netlink.writes == 2


@pytest.mark.root
def test_what_is_not_there_cannot_be_deleted(netlink: Netlink):
    with pytest.raises(Refused) as refusal:
        netlink.write(tc_message(99_999, parent=HOOK, handle=CLSACT), RTM_DELQDISC)
    assert refusal.value.is_gone
    assert refusal.value.strerror
