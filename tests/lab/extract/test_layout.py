"""The mirrors of the engine's structures; load() holds their sizes to the library."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.layout import KEY, RECORD
from lab.extract import engine
from lab.extract.layout import BULK, CIC_FLOW, ENDINGS, EXTRA, FLOW, STATISTICS, TALLY
from tests.lab.extract.flowing import flows
from tests.lab.extract.frames import talk
from tests.lab.extract.talks import CLOSE, OPEN, datagram


@pytest.mark.parametrize("dtype", [EXTRA, FLOW, STATISTICS, BULK, CIC_FLOW, TALLY])
def test_structures_have_no_holes(dtype: np.dtype[np.void]):
    assert dtype.names is not None
    assert dtype.fields is not None
    at = 0
    for name in dtype.names:
        assert dtype.fields[name][1] == at, name
        at += dtype.fields[name][0].itemsize
    assert dtype.itemsize == at
    assert at % 8 == 0


def test_the_library_was_made_of_the_same():
    assert engine.load() is not None


def test_a_flow_is_the_kernels_and_more():
    assert FLOW["key"] == KEY
    assert FLOW["record"] == RECORD


@pytest.mark.parametrize(
    ("frames", "ending"),
    [([datagram(0)], "end of capture"), ([*talk(*OPEN, *CLOSE), datagram(100)], "FIN"),
     ([datagram(0), datagram(500)], "idle")],
)  # fmt: skip
def test_endings_have_the_engines_numbers(frames: list, ending: str):
    assert ENDINGS[int(flows(frames)["extra"]["ending"][0])] == ending
