"""The regulator step by step, on a real tree in a namespace, with clocks of the test."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from agent.capture.layout import COUNTERS, RX, TX
from agent.qos import section
from agent.qos.demand import Quantiles
from agent.qos.rules import BadRule
from agent.records import FLOW_DELTA, Interface
from agent.regulation.regulator import Clock, Regulator

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

WAN = {"name": "left0", "egress_mbps": 20}
WATCHED = Interface("left0", 7, 3, "", 1500, 0, (), True, "tcx", "tcx")
SECOND = 10**9


@dataclass
class Machine:
    """Packet programs, links and clocks, as the regulator sees them."""

    now_s: float = 1000.0
    watched: tuple[Interface, ...] = (WATCHED,)
    shaping: dict = field(default_factory=dict)
    forecasts: dict = field(default_factory=dict)
    octets: int = 0
    trip_ms: float = 20.0

    def set_shaping(self, slot, hook, row) -> None:
        self.shaping[slot, hook] = row[0].copy()

    def set_policer(self, slot, hook, number, bucket) -> None:
        assert number == 1  # voice

    def counters(self, slots):
        sums = np.zeros((4, 2), COUNTERS)
        sums["seen"]["bytes"][slots[0], TX] = self.octets
        return sums

    def flows(self):
        flows = np.zeros(1, FLOW_DELTA)
        flows["slot"], flows["rtt_ns"] = 3, self.trip_ms * 1e6
        flows["last_ns"] = self.now_s * SECOND
        return self.now_s, flows

    def forecast(self, device, way):
        found = self.forecasts.get((device, way), {})
        if isinstance(found, Exception):
            raise found
        return found

    def left_s(self, hook=TX) -> float:
        """How long packets are told to obey."""
        return (int(self.shaping[3, hook]["deadline_ns"]) - self.now_s * SECOND) / SECOND


@dataclass
class Bench:
    """A regulator in a namespace, and its machine."""

    regulator: Regulator
    machine: Machine
    space: object

    def step(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.machine.now_s += 1
            self.regulator.step()

    def tc(self, *words: str) -> str:
        return self.space.run("tc", *words, "show", "dev", "left0")

    def lane(self, way: str = "egress"):
        (found,) = [one for one in self.regulator.state.lanes if one.way == way]
        return found


@pytest.fixture
def bench(quiet_pair, tmp_path):
    left, _ = quiet_pair
    with contextlib.ExitStack() as opened:

        def made(machine: Machine | None = None, **qos) -> Bench:
            machine = machine or Machine()
            clock = Clock(
                lambda: int(machine.now_s * SECOND), lambda: int(machine.now_s * SECOND)
            )
            settings = section.parse({"mode": "shape", "interface": [WAN], **qos})
            regulator = Regulator(
                settings,
                tmp_path,
                machine,
                lambda: machine.watched,
                machine.flows,
                clock,
                machine.forecast,
            )
            opened.callback(regulator._leave)
            return Bench(regulator, machine, left)

        opened.enter_context(left.entered())
        yield made


def test_a_tree_is_made_and_its_deadline_renewed(bench):
    one = bench()
    one.step()
    assert "htb 5745:" in one.tc("qdisc")
    first = one.machine.left_s()
    assert 2 <= first <= 5
    one.step(3)
    assert one.machine.left_s() == pytest.approx(first)
    lane = one.lane()
    assert (lane.device, lane.capacity_bps, lane.rate_bps) == (
        "left0",
        20_000_000,
        20_000_000,
    )
    assert (lane.capacity_source, lane.demand_source) == ("settings", "served")
    assert lane.expires == pytest.approx(one.machine.now_s + first)
    assert lane.shares["voice"].rate_bps == 2_000_000
    assert not any(share.is_throttled for share in lane.shares.values())
    assert (one.regulator.state.faults, one.regulator.state.problems) == (0, ())


def test_observing_touches_nothing_but_a_standing_tree_is_regulated(bench):
    observing = bench(mode="observe")
    observing.step(2)
    assert "htb" not in observing.tc("qdisc")
    assert not observing.machine.shaping[3, TX]["deadline_ns"]
    bench().step()  # somebody applies
    observing.step()
    assert observing.machine.left_s() > 0


def test_other_settings_change_the_tree_in_place(bench):
    one = bench()
    one.step()
    rule = {"traffic_type": "file", "min_bandwidth": 1, "max_bandwidth": 3, "priority": 0}
    one.regulator.take(section.parse({"mode": "shape", "interface": [WAN], "rule": [rule]}))
    one.step()
    assert re.search("htb 5745:15 .* rate 1Mbit ceil 3Mbit", one.tc("class"))
    impossible = section.parse(
        {"mode": "shape", "interface": [WAN], "rule": [rule | {"min_bandwidth": 21,
         "max_bandwidth": 30}]}
    )  # fmt: skip
    with pytest.raises(BadRule, match="the link has 20"):
        one.regulator.take(impossible)
    one.step()
    assert re.search("htb 5745:15 .* rate 1Mbit ceil 3Mbit", one.tc("class"))


def test_a_device_that_left_the_settings_is_put_back(bench):
    one = bench(interface=[WAN | {"ingress_mbps": 50}])
    before = one.tc("qdisc")
    one.step()
    assert one.machine.left_s(RX) > 0
    one.regulator.take(section.parse({"mode": "shape", "interface": [WAN]}))
    one.step()
    assert not one.machine.shaping[3, RX]["deadline_ns"]
    assert "wi-left0" not in one.space.run("ip", "link")
    one.regulator.take(section.parse({"mode": "shape"}))
    one.step()
    assert one.tc("qdisc") == before
    assert not one.machine.shaping[3, TX]["deadline_ns"]


@pytest.mark.parametrize(
    ("forecast", "reason"),
    [
        (RuntimeError("the model is gone"), "failed"),
        ({"web": Quantiles(math.nan, 1e6, 1e9)}, "not_finite"),
        ({"web": Quantiles(1e6, 1e12, 1e9)}, "huge"),
        ({"web": Quantiles(-1.0, 1e6, 1e9)}, "negative"),
        ({"web": Quantiles(2e6, 1e6, 1e9)}, "crossed"),
        ({"web": Quantiles(1e6, 2e6, 999.0)}, "stale"),  # the model hangs
    ],
)
def test_a_model_that_fails_is_counted_and_what_was_served_takes_its_place(
    bench, forecast, reason
):
    one = bench()
    good = {"web": Quantiles(15e6, 17e6, 1e9), "background": Quantiles(8e6, 9e6, 1e9)}
    one.machine.forecasts["left0", "egress"] = good
    one.step(8)
    lane = one.lane()
    assert lane.demand_source == "forecast"
    assert lane.shares["background"].is_throttled  # before the link is full
    one.machine.forecasts["left0", "egress"] = forecast
    one.step(2)
    assert one.lane().demand_source == "served"
    assert one.lane().refused == {reason: 2}
    assert one.machine.left_s() > 0
    one.step(15)
    # Nobody wants anything, as far as was served: the throttle is lifted step by step.
    assert not one.lane().shares["background"].is_throttled
    assert one.regulator.state.faults == 0


def test_a_fault_is_told_once_counted_and_tried_again(bench):
    one = bench()
    one.space.run("tc", "qdisc", "add", "dev", "left0", "root", "pfifo", "limit", "77")
    one.step(5)
    state = one.regulator.state
    assert state.faults == 1
    assert "is not Weir's" in state.problems[0]
    one.space.run("tc", "qdisc", "del", "dev", "left0", "root")
    one.step(10)
    assert one.regulator.state.problems == ()
    assert one.machine.left_s() > 0


def test_a_stop_lets_the_baseline_hold_and_leaves_the_tree(bench):
    one = bench()
    wants = {"web": Quantiles(15e6, 17e6, 1e9), "background": Quantiles(8e6, 9e6, 1e9)}
    one.machine.forecasts["left0", "egress"] = wants
    one.step(8)
    assert one.lane().shares["background"].is_throttled
    one.regulator._leave()
    assert not one.machine.shaping[3, TX]["deadline_ns"]
    ceilings = re.findall(r"htb 5745:[12]6 .* ceil (\S+)", one.tc("class"))
    assert len(ceilings) == 2
    assert len(set(ceilings)) == 1


def test_a_measured_link_is_shaped_once_it_is_known_and_remembered(bench, tmp_path):
    measured = [WAN | {"egress_mbps": "measured"}]
    one = bench(interface=measured)
    one.step(3)
    assert "htb" not in one.tc("qdisc")
    lane = one.lane()
    assert (lane.capacity_bps, lane.capacity_source) == (0, "measured")
    one.machine.trip_ms = 90
    for _ in range(6):
        one.machine.octets += 2_500_000  # 20 Mbit/s
        one.step()
    assert one.lane().capacity_bps == pytest.approx(19_000_000, rel=0.06)
    assert "htb 5745:" in one.tc("qdisc")
    again = bench(Machine(), interface=measured)
    again.step()
    assert again.lane().capacity_bps == one.lane().capacity_bps


def test_what_is_lacking_is_told_every_second_and_logged_once(bench, caplog):
    one = bench(interface=[WAN, {"name": "late0", "egress_mbps": 5}])
    with caplog.at_level("WARNING"):
        one.step(3)
    line = "qos: late0: there is no such device: check the name"
    assert one.regulator.problems == (line,)
    assert [record.message for record in caplog.records] == [line]
    one.machine.watched = ()
    one.step()
    assert one.regulator.problems[0].startswith("qos: left0: its packets get no class")
