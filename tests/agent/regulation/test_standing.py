from __future__ import annotations

import socket

from agent.qos import section
from agent.qos.tree import Change, Class, Qdisc
from agent.records import Interface
from agent.regulation.standing import (
    fitting,
    index_of,
    is_move,
    is_told_anew,
    lacking,
    lane_states,
    present,
    speeds,
)

WAN = {"name": "wan", "egress_mbps": 20, "ingress_mbps": 50}

VIDEO = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}


def settings(**fields):
    return section.parse({"interface": [WAN | fields]})


def interface(rx_mode="tcx"):
    return {"wan": Interface("wan", 7, 2, "", 1500, 10**8, (), True, rx_mode, "tcx")}


def test_devices_that_are_there():
    here = section.parse({"interface": [{"name": "lo", "egress_mbps": 1}, WAN]})
    assert present(here) == {"lo": socket.if_nametoindex("lo")} == {"lo": index_of("lo")}
    assert index_of("weir-no-such0") == 0


def test_speeds_are_asked_of_devices_whose_rate_follows_from_them():
    auto = settings(egress_mbps="auto")
    assert speeds(settings(), interface(), {}) == {}
    assert speeds(auto, interface(), {}) == {"wan": 10**8}
    assert speeds(auto, {}, {}) == {"wan": 0}
    assert speeds(auto, {}, {"wan": 10**7}) == {"wan": 10**7}  # without a cable
    told = {"wan": 10**8}
    for before, is_new in (({}, True), ({"wan": 10**7}, True), (told, False)):
        assert is_told_anew(told, before) is is_new
    assert not is_told_anew({"wan": 0}, {})


def test_a_device_that_cannot_be_shaped_leaves_the_others_theirs():
    both = section.parse(
        {"interface": [WAN, {"name": "dsl", "egress_mbps": "auto"}], "rule": [VIDEO]}
    )
    there = {"wan": 7, "dsl": 8}
    made, unfit = fitting(both, there, {"dsl": 0})
    assert made.keys() == {"wan"}
    assert unfit["dsl"].startswith("qos.interface dsl: the device does not tell its speed")
    made, unfit = fitting(both, there, {"dsl": 10**6})
    assert made.keys() == {"wan"}
    assert unfit["dsl"].startswith("qos: dsl: rules: the minima add up to 5 Mbit/s")
    made, unfit = fitting(both, there, {"dsl": 10**7})
    assert (made.keys(), unfit) == ({"wan", "dsl"}, {})


def nobody(name):
    return False


def test_what_keeps_settings_from_taking_effect():
    there = {"wan": 7}
    assert lacking(settings(), there, interface(), nobody) == ()
    for indices, watched, told in (
        ({}, interface(), "there is no such device: check the name"),
        (there, {}, "its packets get no class: add it to [capture] interfaces"),
        (there, interface("xdp-native"), "XDP counts what arrives"),
    ):
        (line,) = lacking(settings(), indices, watched, nobody)
        assert line.startswith("qos: wan: ")
        assert told in line
    only_egress = settings(ingress_mbps=0)
    assert lacking(only_egress, there, interface("xdp-native"), nobody) == ()


def test_a_device_that_is_about_to_be_watched_lacks_nothing():
    """The first second of the agent, or of the device."""
    assert lacking(settings(), {"wan": 7}, {}, lambda name: name == "wan") == ()


def test_only_rates_of_the_active_branch_are_moves():
    def step(minor, rate=8000):
        old = Class("wan", 0x57450000 | minor, 0x57450001, 8000, 9000, 64, 64)
        return Change(old, Class("wan", old.handle, old.parent, rate, 9000, 64, 64))

    assert [is_move(step(minor)) for minor in (0x1, 0x11, 0x2, 0x21)] == [
        True,
        True,
        False,
        False,
    ]
    assert not is_move(Change(None, step(0x11).new))
    assert not is_move(Change(Qdisc("wan", 1, 2, "pfifo"), Qdisc("wan", 1, 2, "pfifo")))


def test_a_direction_that_is_still_being_measured_is_told():
    (told,) = lane_states(settings(egress_mbps="measured", ingress_mbps=0), {})
    assert (told.device, told.way, told.capacity_bps) == ("wan", "egress", 0)
    assert told.capacity_source == "measured"
