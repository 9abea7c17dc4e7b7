"""Maps as arrays: what is written is read, at the bounds too."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.loader import bpf
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import Pinned
from tests.agent.capture.conftest import SIZES

pytestmark = pytest.mark.root


@pytest.fixture
def kernel(pinned: Pinned) -> Kernel:
    return Kernel(pinned)


def put(pinned: Pinned, *numbers: int, first_ns: int = 1) -> None:
    """Flows of these ids, a packet of 100 bytes each, on slot 3 inwards."""
    for number in numbers:
        key, record = np.zeros(1, layout.KEY), np.zeros(1, layout.RECORD)
        key["low_port"], key["slot"] = number, 3
        key["protocol"], key["family"] = 6, 4
        record["id"], record["first_ns"] = number, first_ns
        record["volume"][0, 0, 0] = (1, 1, 100)
        bpf.map_update(pinned.maps["flows"], key, record)


def test_nothing_lives_at_first(kernel: Kernel):
    rows, sums = kernel.walk()
    assert (len(rows), int(sums.sum())) == (0, 0)
    assert list(kernel.records()) == []
    assert kernel.sizes() == {"flows": SIZES["flows"], "closing": SIZES["closing"]}
    assert int(kernel.counters([]).view(np.uint64).sum()) == 0


@pytest.mark.parametrize("count", [1, 5, SIZES["flows"]])
def test_a_walk_and_the_records_agree(kernel: Kernel, pinned: Pinned, count: int):
    put(pinned, *range(1, count + 1))
    rows, sums = kernel.walk()
    assert sorted(rows["id"].tolist()) == list(range(1, count + 1))
    assert sums[3].sum(axis=0).tolist() == [count, count, 100 * count]
    found = [number for _, records in kernel.records() for number in records["id"].tolist()]
    assert sorted(found) == list(range(1, count + 1))


def test_a_flow_whose_first_packet_is_still_on_its_way_in_is_not_walked(
    kernel: Kernel, pinned: Pinned
):
    put(pinned, 1, first_ns=0)
    put(pinned, 2)
    rows, sums = kernel.walk()
    assert rows["id"].tolist() == [2]
    assert sums[3].sum(axis=0).tolist() == [1, 1, 100]


def asked(*numbers: int) -> np.ndarray:
    made = np.zeros(len(numbers), layout.CLOSING)
    for place, number in enumerate(numbers):
        made[place]["key"]["low_port"], made[place]["key"]["slot"] = number, 3
        made[place]["key"]["protocol"], made[place]["key"]["family"] = 6, 4
        made[place]["id"], made[place]["sequence"] = number, 7
        made[place]["status"] = layout.CLOSING_ASKED
    return made


def test_closing_takes_what_is_there_and_says_what_is_gone(kernel: Kernel, pinned: Pinned):
    put(pinned, 1, 2, 3)
    answered = kernel.close_flows(10, asked(1, 9, 3)).copy()
    assert answered["status"].tolist() == [
        layout.CLOSING_DONE, layout.CLOSING_GONE, layout.CLOSING_DONE
    ]  # fmt: skip
    assert answered["record"]["id"].tolist()[::2] == [1, 3]
    assert kernel.walk()[0]["id"].tolist() == [2]
    ended = kernel.counters([3])[3]["ended"]
    assert int(ended["packets"].sum()) == 2
    ring = np.concatenate([chunk.copy() for _, chunk in kernel.ring(SIZES["closing"])])
    assert np.flatnonzero(ring["status"]).tolist() == [10, 11, 12]
    assert len(kernel.close_flows(0, asked())) == 0


def test_a_life_that_ended_is_not_closed_for_another(kernel: Kernel, pinned: Pinned):
    put(pinned, 1)
    wanted = asked(1)
    wanted["id"] = 99
    assert kernel.close_flows(0, wanted)["status"].tolist() == [layout.CLOSING_GONE]
    assert kernel.walk()[0]["id"].tolist() == [1]


def test_slots_have_names_while_they_are_used(kernel: Kernel):
    kernel.set_slot(5, "wan0.100", 12, layout.SLOT_USED)
    kernel.set_slot(layout.SLOTS - 1, "a" * 15, 13, layout.SLOT_USED)
    slots = kernel.slots()
    assert np.flatnonzero(slots["flags"]).tolist() == [5, layout.SLOTS - 1]
    assert (slots["name"][5], int(slots["ifindex"][5])) == (b"wan0.100", 12)
    kernel.set_slot(5, "", 0, 0)
    assert np.flatnonzero(kernel.slots()["flags"]).tolist() == [layout.SLOTS - 1]
    with pytest.raises(OSError, match="map update"):
        kernel.set_slot(layout.SLOTS, "x", 1, 1)


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_bookmark_and_its_list(kernel: Kernel, sequence: int):
    mark, flows = np.zeros(1, layout.BOOKMARK), np.zeros(3, layout.REPORTED)
    mark["sequence"], mark["flows"] = sequence, 3
    flows["id"] = [4, 5, 6]
    kernel.write_bookmark(mark, flows, SIZES["flows"])
    assert kernel.bookmarks()["sequence"][sequence % 2] == sequence
    found = kernel.reported(sequence % 2, 3, SIZES["flows"])
    assert found["id"].tolist() == [4, 5, 6]
    mark["flows"] = 2
    kernel.write_bookmark(mark, None, SIZES["flows"])
    assert kernel.reported(sequence % 2, 3, SIZES["flows"])["id"].tolist() == [4, 5, 6]
    assert kernel.reported(1 - sequence % 2, 3, SIZES["flows"])["id"].tolist() == [0, 0, 0]
    assert len(kernel.reported(0, 0, SIZES["flows"])) == 0


def test_a_policer_is_one_class_of_one_direction(kernel: Kernel):
    bucket = np.zeros(1, layout.BUCKET)
    name = next(
        n for n in bucket.dtype.names if n != "lock" and bucket[n].dtype.kind == "u"
    )
    bucket[name] = 77
    kernel.set_policer(3, 1, 2, bucket)
    assert kernel.policer(3, 1, 2)[name] == 77
    for other in ((3, 0, 2), (3, 1, 3), (4, 1, 2)):
        assert kernel.policer(*other)[name] == 0


def test_counters_are_cleared_for_one_slot(kernel: Kernel, pinned: Pinned):
    row = np.zeros(bpf.possible_cpus(), layout.COUNTERS)
    row["seen"] = (1, 2, 3)
    for slot in (3, 4):
        bpf.map_update(pinned.maps["counters"], slot * layout.HOOKS, row)
    kernel.clear_counters(3)
    found = kernel.counters([3, 4])["seen"]["bytes"][:, 0]
    assert (int(found[3]), int(found[4])) == (0, 3 * bpf.possible_cpus())
