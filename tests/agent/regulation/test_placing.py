"""A conversation between match rules and a kernel that takes them."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.layout import CLASS_KEEP, DROP
from agent.capture.matches import BadMatch
from agent.qos.matches import parse
from agent.records import FLOW_DELTA, Interface
from agent.regulation.placing import Placement, limit_of

PHONES = parse({"name": "phones", "traffic_type": "voice", "ports": "7000"})
SLOW = parse({"name": "slow", "interface": "lan*", "flow_mbps": 2})


class Kernel:
    """What packet programs would find."""

    def __init__(self) -> None:
        self.table, self.limits, self.followed = None, {}, []

    def set_matches(self, table) -> None:
        self.table = table["entries"][0, : int(table["count"][0])]

    def set_limit(self, number, limit) -> None:
        self.limits[number] = int(limit["rate_bytes_s"][0])
        if not self.limits[number]:
            del self.limits[number]

    def reclassify(self, rows) -> None:
        self.followed.append(len(rows))


def interface(name, slot):
    return Interface(name, 7, slot, "", 1500, 0, (), True, "tcx", "tcx")


WAN, LAN = interface("wan0", 0), interface("lan1", 3)


def flows(*numbers):
    rows = np.zeros(len(numbers), FLOW_DELTA)
    rows["id"] = numbers
    return rows


def test_rules_are_written_once_and_living_flows_follow_the_next_walk():
    kernel, placement = Kernel(), Placement()
    placement.take([PHONES, SLOW])
    assert placement.step(kernel, (WAN, LAN), 10, flows(1))
    assert kernel.table["class"].tolist() == [1, CLASS_KEEP]
    assert kernel.table["limit"].tolist() == [0, 1]
    assert kernel.table["slots"].tolist() == [2**64 - 1, 1 << 3]
    assert kernel.limits == {1: 250_000}
    assert placement.step(kernel, (WAN, LAN), 10, flows(1))  # no walk since
    assert kernel.followed == []
    kernel.table = None
    assert not placement.step(kernel, (WAN, LAN), 11, flows(1, 2))
    assert (kernel.followed, kernel.table) == ([2], None)
    assert not placement.step(kernel, (WAN, LAN), 12, flows(1, 2))
    assert kernel.followed == [2]


def test_an_interface_that_comes_is_taken_up():
    kernel, placement = Kernel(), Placement()
    placement.take([SLOW])
    placement.step(kernel, (WAN,), 1, flows())
    assert kernel.table["slots"].tolist() == [0]  # fits nothing yet
    placement.step(kernel, (WAN,), 2, flows())
    placement.step(kernel, (WAN, LAN), 3, flows())
    assert kernel.table["slots"].tolist() == [1 << 3]


def test_a_flow_is_placed_before_the_rules_until_it_ends():
    kernel, placement = Kernel(), Placement()
    placement.take([PHONES])
    placement.step(kernel, (WAN,), 1, flows(5))
    placement.step(kernel, (WAN,), 2, flows(5))
    assert placement.place(5, parse({"name": "flow 5", "traffic_type": "file"}))
    placement.step(kernel, (WAN,), 2, flows(5))
    assert kernel.table["class"].tolist() == [5, 1]
    placement.step(kernel, (WAN,), 3, flows(5))
    assert placement.flows.keys() == {5}
    placement.release(6)
    placement.place(5, parse({"name": "flow 5", "traffic_type": "web"}))
    placement.step(kernel, (WAN,), 3, flows(5))
    placement.step(kernel, (WAN,), 4, flows(6))
    assert placement.flows == {}
    assert kernel.table["class"].tolist() == [1]


def test_flows_that_ended_make_room_for_others():
    kernel, placement = Kernel(), Placement()
    for number in range(1, 65):
        assert placement.place(number, PHONES)
    assert not placement.place(65, PHONES)
    placement.step(kernel, (WAN,), 1, flows(*range(1, 65)))
    for walk in (2, 3):
        placement.step(kernel, (WAN,), walk, flows(*range(1, 65)))
    assert len(placement.flows) == 64
    placement.step(kernel, (WAN,), 4, flows(7, 99))
    assert placement.flows.keys() == {7}
    assert len(kernel.table) == 1
    assert placement.place(99, PHONES)


def test_rules_have_their_place_before_flows_do():
    kernel, placement = Kernel(), Placement()
    for number in range(1, 61):
        assert placement.place(number, PHONES)
    placement.take([SLOW] * 10)
    placement.step(kernel, (WAN,), 1, flows(*range(1, 61)))
    assert list(placement.flows) == list(range(7, 61))
    assert len(kernel.table) == 64


def test_a_clock_that_is_set_back_makes_no_walk_after_walk():
    kernel, placement = Kernel(), Placement()
    placement.take([PHONES])
    assert placement.step(kernel, (WAN,), 10**6, flows(1))
    assert not placement.step(kernel, (WAN,), 10, flows(1))
    assert kernel.followed == [1]


def test_more_rates_than_the_kernel_has_numbers_are_refused():
    def rules(count):
        return [
            parse({"name": f"{n}", "flow_mbps": n, "ports": n}) for n in range(1, count + 1)
        ]

    kernel, placement = Kernel(), Placement()
    with pytest.raises(BadMatch, match="64 different flow_mbps; at most 63"):
        placement.take(rules(64))
    placement.take(rules(63))
    placement.step(kernel, (WAN,), 1, flows())
    assert len(kernel.limits) == 63


def test_a_rate_keeps_its_number_while_it_is_used():
    kernel, placement = Kernel(), Placement()
    fast = parse({"name": "fast", "flow_mbps": 8})
    placement.take([fast, SLOW])
    placement.step(kernel, (LAN,), 1, flows())
    assert kernel.limits == {1: 250_000, 2: 1_000_000}
    placement.take([fast])
    placement.step(kernel, (LAN,), 1, flows())
    assert kernel.table["limit"].tolist() == [2]
    assert placement.limits == 1


def test_too_much_is_refused_and_changes_nothing():
    placement = Placement()
    many = parse({"name": "x", "traffic_type": "web", "ports": "1,3,5", "source": "::/1"})
    placement.take([many] * 10)
    with pytest.raises(BadMatch, match="66 entries; at most 64"):
        placement.take([many] * 11)
    assert len(placement.rules) == 10
    for number in range(1, 6):
        assert placement.place(number, PHONES) is (number < 5)


@pytest.mark.parametrize(
    ("bps", "octets_s", "burst_ns"),
    [(8_000_000, 1_000_000, 100_000_000), (80_000, 10_000, 6_553_600_000)],
)
def test_a_limit_lets_a_window_pass_at_once(bps, octets_s, burst_ns):
    limit = limit_of(bps)[0]
    assert (limit["rate_bytes_s"], limit["burst_ns"], limit["excess"]) == (
        octets_s,
        burst_ns,
        DROP,
    )
