"""Devices that come, go, get slower or are not yet known, as the regulator meets them."""

from __future__ import annotations

import re

import pytest

from agent.capture.layout import RX, TX
from agent.qos import section
from agent.records import Interface
from tests.agent.regulation.machines import WAN, WATCHED, Machine

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


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


def test_a_device_without_a_cable_keeps_no_other_from_its_tree(bench):
    """lo stands for it: it tells no speed, until the machine says that it does."""
    auto = {"name": "lo", "egress_mbps": "auto"}
    one = bench(Machine(chosen=("lo",)), interface=[auto, WAN])
    one.step(3)
    (line,) = one.regulator.problems
    assert "lo: the device does not tell its speed" in line
    assert one.regulator.state.faults == 0
    assert one.machine.left_s() > 0
    assert "htb" not in one.space.run("tc", "qdisc", "show", "dev", "lo")
    # Rules of other devices are taken all the same.
    one.regulator.take(section.parse({"mode": "shape", "interface": [auto, WAN]}))

    def rate(speed_bps: int) -> str:
        lo = Interface("lo", 1, 4, "", 1500, speed_bps, (), True, "tcx", "tcx")
        one.machine.watched = (WATCHED, lo)
        one.step()
        classes = one.space.run("tc", "class", "show", "dev", "lo")
        return re.search(r"htb 5745:1 root rate (\S+)", classes)[1]

    assert rate(10_000_000) == "9500Kbit"
    assert rate(100_000_000) == "95Mbit"  # it follows
    assert rate(0) == "95Mbit"  # the cable is out
    assert (one.regulator.problems, one.regulator.state.faults) == ((), 0)


def test_a_speed_that_the_rules_do_not_fit_leaves_the_tree_and_is_told(bench):
    rule = {"traffic_type": "file", "min_bandwidth": 8, "max_bandwidth": 9, "priority": 0}
    lo = {"name": "lo", "egress_mbps": "auto"}
    one = bench(interface=[WAN, lo], rule=[rule])

    def at(speed_bps: int) -> str:
        there = Interface("lo", 1, 4, "", 1500, speed_bps, (), True, "tcx", "tcx")
        one.machine.watched = (WATCHED, there)
        one.step(2)
        return one.space.run("tc", "class", "show", "dev", "lo")

    before = at(20_000_000)
    assert "htb 5745:15" in before
    assert at(1_000_000) == before
    assert "lo: rules: the minima add up to 8 Mbit/s" in one.regulator.problems[0]
    assert one.machine.left_s() > 0
    assert at(20_000_000) == before
    assert (one.regulator.problems, one.regulator.state.faults) == ((), 0)


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


def test_a_disk_that_takes_no_capacities_keeps_no_link_from_its_rate(
    bench, tmp_path, caplog
):
    one = bench(interface=[WAN | {"egress_mbps": "measured"}])
    (tmp_path / "capacities.json").mkdir()
    one.step(3)
    one.machine.trip_ms = 90
    for _ in range(6):
        one.machine.octets += 2_500_000
        one.step()
    assert "htb 5745:" in one.tc("qdisc")
    assert one.regulator.state.faults == 0
    assert "capacities would be forgotten at a restart" in caplog.text


def test_the_first_second_lacks_nothing(bench, caplog):
    """The device is there before the agent has watched it."""
    one = bench(Machine(watched=(), chosen=("left0",)))
    one.step()
    assert one.regulator.problems == ()
    assert caplog.records == []


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
