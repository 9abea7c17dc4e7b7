from __future__ import annotations

import pytest

from agent.status.snapshot import OUTCOMES, classes, directions
from tests.agent.status.support import SNAPSHOT, Moment, interface

WAN, LAN = SNAPSHOT.interfaces


def test_counts_are_those_of_the_interface_s_slot():
    found = directions(SNAPSHOT, LAN)
    assert set(found["rx"]) == {"interface", *OUTCOMES}
    assert found["tx"]["interface"] == {"frames": 10, "packets": 11, "bytes": 12}
    assert found["rx"]["flows"] == {"frames": 13, "packets": 26, "bytes": 39}
    assert directions(SNAPSHOT, WAN)["rx"]["flows"]["frames"] == 10
    assert classes(SNAPSHOT, WAN)["tx"]["voice"] == {"frames": 4, "packets": 5, "bytes": 6}


def test_an_interface_without_own_counters_has_zeros():
    found = directions(SNAPSHOT, interface("new0", 5))
    assert found["rx"]["interface"] == {"frames": 0, "packets": 0, "bytes": 0}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ok"),
        ({"problems": ("x",)}, "degraded"),
        ({"ready": False, "problems": ("x",)}, "starting"),
    ],
)
def test_state(changes, state):
    assert Moment(**changes).now.state == state
