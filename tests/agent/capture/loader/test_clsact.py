"""Our filters: put, exchanged in place, taken off, and nobody else's touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.capture.loader import clsact
from agent.capture.loader.pins import Pinned
from tests.support.namespaces import World

pytestmark = pytest.mark.root


@pytest.fixture
def index(netns: World) -> Iterator[int]:
    """Of left0, in a namespace that this thread is in."""
    left, _ = netns.pair(quiet=True)
    with left.entered():
        yield left.index("left0")


def test_one_filter_a_direction(index: int, pinned: Pinned):
    assert [clsact.make(index), clsact.make(index)] == [True, False]
    for program in ("weir_ingress", "weir_egress"):
        clsact.put(pinned.programs[program], index, "rx")
    assert [clsact.is_put(index, way) for way in ("rx", "tx")] == [True, False]
    clsact.put(pinned.programs["weir_egress"], index, "tx")
    clsact.take_off(index, "rx")
    clsact.take_off(index, "rx")
    assert [clsact.is_put(index, way) for way in ("rx", "tx")] == [False, True]
    assert clsact.make(index) is False


def test_where_there_is_nothing(index: int, pinned: Pinned):
    assert not clsact.is_put(index, "rx")
    clsact.take_off(index, "tx")
    assert not clsact.is_put(9999, "rx")
    clsact.take_off(9999, "rx")
    with pytest.raises(OSError, match="clsact"):
        clsact.make(9999)
    with pytest.raises(OSError, match="tc filter"):
        clsact.put(pinned.programs["weir_ingress"], 9999, "rx")
