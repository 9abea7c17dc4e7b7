"""Two counts to what lies between them, by interface, direction and class."""

from __future__ import annotations

import numpy as np
import pytest

from agent.flows.interval import cumulative, directions
from agent.records import Counters, Interface
from wire.batch import Volume
from wire.schema import CLASS_NAMES

LINK = Interface(
    "eth0", 7, 3, "02:00:00:00:00:01", 1500, 10**9, ("192.0.2.1/24",), True, "tcx", "tcx"
)


def counted(**changes: tuple[int, int, tuple[int, int, int]]) -> Counters:
    made = Counters.none(8)
    for name, (slot, hook, volume) in changes.items():
        getattr(made, name)[slot, hook] = volume
    return made


def test_what_lies_between_two_counts():
    before = counted(seen=(3, 0, (10, 20, 3000)), flows=(3, 0, (10, 20, 3000)))
    after = counted(seen=(3, 0, (11, 25, 9000)), flows=(3, 0, (11, 25, 9000)))
    (found,) = directions((LINK,), after, before)
    assert found.rx.seen == found.rx.flows == Volume(1, 5, 6000)
    assert found.tx.seen == Volume(0, 0, 0)
    assert (found.name, found.mac, found.mtu, found.addresses, found.is_up) == (
        LINK.name, LINK.mac, LINK.mtu, LINK.addresses, True,
    )  # fmt: skip


@pytest.mark.parametrize("outcome", ["overflow", "non_ip", "unparsed", "filtered"])
def test_every_outcome_has_its_place(outcome: str):
    after = counted(**{outcome: (3, 1, (1, 2, 3))})
    (found,) = directions((LINK,), after, Counters.none(8))
    assert getattr(found.tx, outcome) == Volume(1, 2, 3)
    assert getattr(found.rx, outcome) == Volume(0, 0, 0)


def test_classes_without_traffic_are_left_out():
    after, before = Counters.none(8), Counters.none(8)
    after.by_class[3, 0, CLASS_NAMES.index("video")] = (1, 1, 100)
    after.by_class[3, 0, CLASS_NAMES.index("web")] = (5, 5, 500)
    before.by_class[3, 0, CLASS_NAMES.index("web")] = (5, 5, 500)
    (found,) = directions((LINK,), after, before)
    assert found.rx.classes == {"video": Volume(1, 1, 100)}
    assert found.tx.classes == {}


def test_the_greatest_counts_and_those_of_other_slots():
    most = 2**64 - 1
    after = counted(seen=(3, 0, (most, most, most)), non_ip=(4, 0, (9, 9, 9)))
    (found,) = directions((LINK,), after, Counters.none(8))
    assert found.rx.seen == Volume(most, most, most)
    assert found.rx.non_ip == Volume(0, 0, 0)


def test_no_interface_is_nothing():
    assert directions((), Counters.none(8), Counters.none(8)) == ()
    assert cumulative((), Counters.none(8)) == []


def test_a_live_sample_says_everything_since_the_maps_were_made():
    after = counted(seen=(3, 1, (1, 2, 3)))
    after.by_class[3, 1, 2] = (1, 2, 3)
    (found,) = cumulative((LINK,), after)
    assert found["name"] == "eth0"
    assert found["rx"] == {"frames": 0, "packets": 0, "bytes": 0, "classes": {}}
    assert found["tx"] == {
        "frames": 1, "packets": 2, "bytes": 3, "classes": {CLASS_NAMES[2]: [1, 2, 3]},
    }  # fmt: skip
    assert all(type(number) is int for number in found["tx"]["classes"][CLASS_NAMES[2]])
    assert isinstance(after.seen, np.ndarray)
