"""Whatever goes wrong at whichever request: afterwards the tree is the old or the new."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import pytest

from agent.qos.apply import transaction
from agent.qos.apply.netlink import Netlink, Refused
from agent.qos.htb import Moves
from agent.qos.plan import ifb_name
from agent.qos.rules import Rule
from tests.agent.qos.apply.worlds import Bench
from tests.support.campaigns import count

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(900)]

ERRORS = (errno.EBUSY, errno.ENOBUFS, errno.EPERM, errno.EINVAL)


@dataclass
class Fault:
    """What happens at one request, counted from 0, and maybe at the next ones too."""

    at: int
    error: int = 0  # 0: SIGKILL
    late: bool = False  # the kernel has done what was asked; only the answer is lost
    times: int = 1


class Faulty(Netlink):
    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault, self.asked = fault, 0

    def _ask(self, message, kind, flags):
        now = self.fault.at <= self.asked < self.fault.at + self.fault.times
        self.asked += 1
        if not now:
            return super()._ask(message, kind, flags)
        if self.fault.late:
            super()._ask(message, kind, flags)
        if not self.fault.error:
            os.kill(os.getpid(), signal.SIGKILL)
        raise Refused(self.fault.error, os.strerror(self.fault.error))


def requests_of(bench, old, new):
    """Count the requests that a change takes, and go back."""
    with bench.kernel(Faulty, fault=Fault(1 << 30)) as kernel:
        transaction.apply(kernel, bench.journal, new)
        asked = kernel.netlink.asked
    bench.apply(old)
    return asked


CHANGES = ("build", "reload", "tear down")


def change_of(bench, name):
    """An old state and a new one."""
    bare = bench.wanted(0, 0)
    first = bench.wanted(20, 50)
    second = bench.wanted(12, 30, (Rule("video", 3, 9, 3), Rule("file", 1, 5, 0)))
    return {
        "build": (bare, first),
        "reload": (first, second),
        "tear down": (first, bare),
    }[name]


@pytest.fixture(params=CHANGES)
def change(request, bench):
    """Go from an old state, which stands, to a new one."""
    old, new = change_of(bench, request.param)
    bench.apply(old)
    return old, new


def test_errors(bench, change):
    old, new = change
    asked = requests_of(bench, old, new)
    cases = [
        Fault(at, error, late) for at in range(asked) for error in ERRORS for late in (0, 1)
    ]
    # In short, every request fails once, in ways that take turns.
    step = count(7, 1)
    outcomes = set()
    for fault in cases[::step]:
        with bench.kernel(Faulty, fault=fault) as kernel, suppress(Refused):
            transaction.apply(kernel, bench.journal, new)
        now = bench.read()
        assert now in (old, new), fault
        outcomes.add(now == new)
        assert bench.journal.entry() is None
        if now == new:
            bench.apply(old)
    assert False in outcomes


def test_errors_that_last_through_the_way_back(bench, change):
    """A busy kernel is asked again; five failures in a row are not the end either."""
    old, new = change
    asked = requests_of(bench, old, new)
    for at in range(3, asked, count(9, 2)):
        for times in (2, 4):
            fault = Fault(at, errno.EBUSY, False, times)
            with bench.kernel(Faulty, fault=fault) as kernel, suppress(Refused):
                transaction.apply(kernel, bench.journal, new)
            assert bench.read() in (old, new), (at, times)
            bench.apply(old)


def test_a_way_back_that_fails_is_taken_by_the_next_process(bench, change):
    old, new = change
    asked = requests_of(bench, old, new)
    at = asked // 2
    with (
        bench.kernel(Faulty, fault=Fault(at, errno.ENOBUFS, False, 1000)) as kernel,
        pytest.raises(transaction.Unfinished, match="run weir-agent qos revert"),
    ):
        transaction.apply(kernel, bench.journal, new)
    assert bench.journal.entry() is not None
    with bench.kernel() as kernel:
        assert transaction.recover(kernel, bench.journal, 0.0)
    assert bench.read() == old


def test_sigkill(bench, change):
    """Killed at any request; the next start finds the journal."""
    old, new = change
    asked = requests_of(bench, old, new)
    cases = [Fault(at, 0, late) for at in range(asked) for late in (False, True)]
    for fault in cases[:: count(3, 1)]:
        child = os.fork()
        if not child:
            with bench.kernel(Faulty, fault=fault) as kernel:
                transaction.apply(kernel, bench.journal, new)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, fault
        with bench.kernel() as kernel:
            transaction.recover(kernel, bench.journal, 0.0)
        now = bench.read()
        assert now in (old, new), fault
        assert bench.journal.entry() is None
        if now == new:
            bench.apply(old)


def of_ifb(held):
    return {key: item for key, item in held.items() if item.device == ifb_name("left0")}


class Vanishing(Netlink):
    """The device is taken away just before a request."""

    def __init__(self, at: int, space) -> None:
        super().__init__()
        self.at, self.asked, self.space = at, 0, space

    def _ask(self, message, kind, flags):
        if self.asked == self.at:
            self.space.run("ip", "link", "del", "left0")
        self.asked += 1
        return super()._ask(message, kind, flags)


@pytest.mark.parametrize("name", CHANGES)
def test_the_device_vanishes(netns, tmp_path, name):
    """Whichever request it is before: its IFB is as it was or as it was to be, or gone."""
    space = netns.namespace("lone", ipv6=False)
    bench = Bench(space, tmp_path / "qos")
    space.run("ip", "link", "add", "left0", "type", "veth", "peer", "name", "left1")
    old, new = change_of(bench, name)
    bench.apply(old)
    asked = requests_of(bench, old, new)
    for at in range(0, asked, count(6, 1)):
        with bench.kernel(Vanishing, at=at, space=space) as kernel:
            try:
                transaction.apply(kernel, bench.journal, new)
            except (Refused, ValueError):
                late = False
            else:
                late = True
        assert bench.read() in ({}, of_ifb(old), of_ifb(new)), at
        if late or name != "build":
            # What stood before the device went is what revert is for.
            bench.revert()
        shown = space.run("ip", "link", "show")
        assert "left0" not in shown, at
        assert "wi-left0" not in shown, at
        assert bench.journal.entry() is None
        space.run("ip", "link", "add", "left0", "type", "veth", "peer", "name", "left1")
        bench.apply(old)


def test_an_adjustment_that_fails_leaves_the_old_rates(bench):
    old = bench.wanted(20)
    bench.apply(old)
    new = bench.wanted(20, moves=Moves(8_000_000))
    for at in range(4, 15):
        for late in (False, True):
            with bench.kernel(Faulty, fault=Fault(at, errno.ENOBUFS, late)) as kernel:
                try:
                    transaction.adjust(kernel, new)
                except Refused:
                    assert bench.read() == old
                else:
                    assert bench.read() == new
            bench.apply(old)
