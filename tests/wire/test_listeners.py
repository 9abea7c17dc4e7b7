"""Listeners: several at once, each counted for itself."""

from __future__ import annotations

import numpy as np

from wire.listeners import EVENTS, FAILURES_LIMIT, Listeners

FLOWS = np.zeros(3, [("id", "<u8")])


class Good:
    def __init__(self) -> None:
        self.heard = 0

    def on_flow_end(self, _flow: np.void) -> None:
        self.heard += 1


class Bad(Good):
    def on_flow_end(self, flow: np.void) -> None:
        super().on_flow_end(flow)
        raise RuntimeError("broken")


def test_one_that_raises_is_counted_and_harms_nobody() -> None:
    good, bad = Good(), Bad()
    listeners = Listeners([bad, good])
    listeners.tell("on_flow_end", FLOWS)
    assert (good.heard, bad.heard) == (3, 3)
    assert listeners.failures == [3, 0]
    assert listeners.last_failure[0] == "RuntimeError: broken"


def test_one_that_always_raises_is_left_alone() -> None:
    bad = Bad()
    listeners = Listeners([bad])
    listeners.tell("on_flow_end", np.zeros(1000, FLOWS.dtype))
    assert bad.heard == FAILURES_LIMIT
    assert listeners.silenced() == [bad]


def test_a_method_that_is_not_there_is_not_missed() -> None:
    good = Good()
    for event in EVENTS:
        Listeners([good]).tell(event, FLOWS)
    assert good.heard == 3
    assert not Listeners()
