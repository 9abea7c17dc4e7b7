"""The regulator step by step, on a real tree in a namespace."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from agent.capture.layout import TX
from agent.qos import section
from agent.qos.demand import Quantiles
from agent.qos.rules import BadRule
from tests.agent.regulation.machines import WAN

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


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
        one.regulator.check(impossible)
    one.step()
    assert re.search("htb 5745:15 .* rate 1Mbit ceil 3Mbit", one.tc("class"))


def test_a_tree_that_somebody_put_up_again_is_moved_again(bench):
    """As by the command: what it writes is the baseline, in both branches."""
    one = bench()
    wants = {"web": Quantiles(15e6, 17e6, 1e9), "background": Quantiles(8e6, 9e6, 1e9)}
    one.machine.forecasts["left0", "egress"] = wants
    one.step(8)
    throttled = one.tc("class")
    bench().step()
    assert one.tc("class") != throttled
    one.step()
    assert one.tc("class") == throttled
    assert one.regulator.state.faults == 0


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


def test_a_clock_that_is_set_back_holds_up_nothing(bench):
    one = bench()
    one.space.run("tc", "qdisc", "add", "dev", "left0", "root", "pfifo", "limit", "77")
    one.step()
    one.space.run("tc", "qdisc", "del", "dev", "left0", "root")
    one.machine.set_s = -900
    one.step(11)
    assert one.regulator.state.problems == ()
    assert one.machine.left_s() > 0


def test_what_was_learned_of_a_link_outlives_other_settings(bench):
    wan = WAN | {"adaptive": True}
    one = bench(interface=[wan])
    one.step(2)
    (lane,) = one.regulator._lanes["left0"]
    lane.controller.rate = dataclasses.replace(lane.controller.rate, rate_bps=7_000_000)
    rule = {"traffic_type": "file", "min_bandwidth": 1, "max_bandwidth": 3, "priority": 0}
    one.regulator.take(section.parse({"mode": "shape", "interface": [wan], "rule": [rule]}))
    one.step()
    assert one.lane().rate_bps == pytest.approx(7_000_000, rel=0.05)
    assert "htb 5745:15" in one.tc("class")
    other = section.parse({"mode": "shape", "interface": [wan | {"egress_mbps": 10}]})
    one.regulator.take(other)
    one.step()
    assert one.lane().rate_bps == 10_000_000


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


def test_a_stop_that_can_lift_nothing_says_so_and_goes_on(bench, caplog):
    one = bench()
    one.step()
    one.regulator.rows = None
    one.regulator._leave()
    assert "rates are left as they were moved" in caplog.text
    assert one.regulator._operator is None
