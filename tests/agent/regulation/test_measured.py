"""What a measured link is believed to carry, walk by walk."""

from __future__ import annotations

import numpy as np

from agent.capture.layout import COUNTERS, RX, TX
from agent.qos import section
from agent.records import FLOW_DELTA, Interface
from agent.regulation.measured import Measured, Walk

(WAN,) = section.parse(
    {"interface": [{"name": "wan", "egress_mbps": "measured"}]}
).interfaces
FOUND = {"wan": Interface("wan", 7, 2, "", 1500, 10**9, (), True, "tcx", "tcx")}


class Rows:
    """Counters of slot 2."""

    def __init__(self) -> None:
        self.octets = {RX: 0, TX: 0}

    def counters(self, slots):
        sums = np.zeros((4, 2), COUNTERS)
        for hook, octets in self.octets.items():
            sums["seen"]["bytes"][slots[0], hook] = octets
        return sums


def walk(now, trip_ms):
    flows = np.zeros(1, FLOW_DELTA)
    flows["slot"], flows["rtt_ns"], flows["last_ns"] = 2, trip_ms * 1e6, now * 1e9
    return Walk(now, now, flows)


def passed(measured, rows, walks, megabits, trip_ms, start=0, hook=TX):
    """Let walks pass, ten seconds each; how often a belief changed notably."""
    changes = 0
    for number in range(start, start + walks):
        rows.octets[hook] += int(megabits * 1e6 / 8 * 10)
        found = walk(10.0 * (number + 1), trip_ms)
        changes += measured.look([WAN], FOUND, rows, found)
        assert not measured.look([WAN], FOUND, rows, found)  # one walk counts once
    return changes


def test_the_rate_at_which_delay_stands_is_the_links():
    measured, rows = Measured(), Rows()
    assert passed(measured, rows, 5, 4, 20) == 0
    assert passed(measured, rows, 4, 20, 90, start=5) == 1
    assert measured.capacities() == {"wan": {"egress": 20_000_000}}
    assert WAN.having(measured.capacities()["wan"]).egress_bps == 19_000_000


def test_delay_that_a_download_makes_says_nothing_of_what_leaves():
    measured, rows = Measured(), Rows()
    passed(measured, rows, 5, 4, 20)
    assert passed(measured, rows, 5, 50, 90, start=5, hook=RX) == 0
    assert measured.capacities() == {"wan": {}}


def test_a_clock_that_is_set_back_and_a_device_that_comes_back():
    measured, rows = Measured(), Rows()
    passed(measured, rows, 5, 4, 20, start=100)
    assert (
        passed(measured, rows, 3, 20, 90) == 0
    )  # the first says nothing, three are needed
    assert passed(measured, rows, 1, 20, 90, start=3) == 1
    rows.octets[TX] += 10**12  # another device had the slot
    assert not measured.look([WAN], {}, rows, walk(60.0, 90))
    assert passed(measured, rows, 1, 20, 90, start=6) == 0
    assert measured.capacities() == {"wan": {"egress": 20_000_000}}


def test_what_was_measured_before_is_where_it_begins():
    measured = Measured.remembering({"wan": {"egress": 20_000_000}})
    assert measured.capacities() == {"wan": {"egress": 20_000_000}}
    rows = Rows()
    passed(measured, rows, 3, 4, 20)
    rows.octets = {RX: 0, TX: 0}  # the maps were made anew
    assert passed(measured, rows, 1, 4, 90, start=3) == 0


def test_a_given_rate_is_not_measured():
    (given,) = section.parse({"interface": [{"name": "wan", "egress_mbps": 5}]}).interfaces
    assert not Measured().look([given], FOUND, Rows(), walk(10.0, 20))
    assert (given.source("egress"), WAN.source("egress")) == ("settings", "measured")
