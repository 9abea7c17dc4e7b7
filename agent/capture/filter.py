"""The capture filter as the kernel takes it: a chain of tests, each naming the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agent.capture.layout import FILTER, FILTER_REFUSE, FILTER_TAKE, TESTS
from agent.capture.syntax import BadFilter, Join, Node, Not, Test, parse


def compiled(text: str) -> npt.NDArray[Any]:
    """The filter as the kernel takes it: dtype FILTER, shape (1,). Raises BadFilter."""
    out = np.zeros(1, FILTER)
    node = parse(text)
    if node is None:
        return out
    # Written from the last test to the first, so that every jump leads to a later one.
    backwards: list[tuple[Test, int, int]] = []
    _emit(node, FILTER_TAKE, FILTER_REFUSE, backwards)
    count = len(backwards)
    if count > TESTS:
        raise BadFilter(f"filter: {count} tests; at most {TESTS}: use wider networks")

    def place(target: int) -> int:
        return target if target >= FILTER_TAKE else count - 1 - target

    out["count"] = count
    for index, (test, yes, no) in enumerate(reversed(backwards)):
        row = out["tests"][0, index]
        row["kind"], row["ends"] = test.kind, test.ends
        row["yes"], row["no"] = place(yes), place(no)
        row["low"], row["high"] = test.low, test.high
        row["address"] = np.frombuffer(test.address, np.uint8)
        row["mask"] = np.frombuffer(test.mask, np.uint8)
    return out


def _emit(node: Node, yes: int, no: int, out: list[tuple[Test, int, int]]) -> int:
    """Append a node's tests; returns where in `out` the node begins."""
    if isinstance(node, Not):
        return _emit(node.part, no, yes, out)
    if isinstance(node, Join):
        right = _emit(node.right, yes, no, out)
        if node.word == "and":
            return _emit(node.left, right, no, out)
        return _emit(node.left, yes, right, out)
    if len(out) >= FILTER_TAKE:
        raise BadFilter(f"filter: too many tests; at most {TESTS}: use wider networks")
    out.append((node, yes, no))
    return len(out) - 1
