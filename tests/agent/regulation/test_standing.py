from __future__ import annotations

import socket

from agent.qos import section
from agent.qos.tree import Change, Class, Qdisc
from agent.records import Interface
from agent.regulation.standing import (
    index_of,
    is_move,
    lacking,
    lane_states,
    present,
    speed_of,
)

WAN = {"name": "wan", "egress_mbps": 20, "ingress_mbps": 50}


def settings(**fields):
    return section.parse({"interface": [WAN | fields]})


def interface(rx_mode="tcx"):
    return {"wan": Interface("wan", 7, 2, "", 1500, 10**8, (), True, rx_mode, "tcx")}


def test_devices_that_are_there():
    here = section.parse({"interface": [{"name": "lo", "egress_mbps": 1}, WAN]})
    assert present(here) == {"lo": socket.if_nametoindex("lo")} == {"lo": index_of("lo")}
    assert index_of("weir-no-such0") == 0
    assert (speed_of(interface(), "wan"), speed_of({}, "wan")) == (10**8, 0)


def test_what_keeps_settings_from_taking_effect():
    there = {"wan": 7}
    assert lacking(settings(), there, interface()) == ()
    for indices, watched, told in (
        ({}, interface(), "there is no such device: check the name"),
        (there, {}, "its packets get no class: add it to [capture] interfaces"),
        (there, interface("xdp-native"), "XDP counts what arrives"),
    ):
        (line,) = lacking(settings(), indices, watched)
        assert line.startswith("qos: wan: ")
        assert told in line
    assert lacking(settings(ingress_mbps=0), there, interface("xdp-native")) == ()


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
