"""What the agent writes while packets pass: they meet the old or the new, never a third."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter

import numpy as np
import pytest

from agent.capture.layout import MATCH_TABLE, MATCHES
from agent.capture.matches import Match, compiled
from tests.bpf.engine import Engine
from tests.support import frames as build

pytestmark = pytest.mark.root

VOICE, WEB, FILE = 1, 4, 5


def test_a_flow_has_the_class_of_one_table_or_the_other(loaded: Engine) -> None:
    """Of one table the first entry fits, of the other the last: half of each fits none."""
    no_fit = [Match(VOICE, ports=((port, port),)) for port in range(1, MATCHES)]
    first, last = compiled([Match(WEB), *no_fit]), compiled([*no_fit, Match(FILE)])
    frames = [
        build.ethernet(build.ipv4("10.0.0.1", "192.0.2.1", build.udp(40000, port, b"x")))[0]
        for port in range(20000, 20800)
    ]
    loaded.kernel.set_matches(last)
    # Another process, because threads of this one take turns.
    fork = multiprocessing.get_context("fork")
    stopping = fork.Event()

    def swap() -> None:
        while not stopping.is_set():
            for table in (first, last):
                loaded.kernel.set_matches(table)
                time.sleep(0.0003)

    swapping = fork.Process(target=swap)
    swapping.start()
    found: Counter[int] = Counter()
    try:
        for _ in range(40):
            loaded.clear()
            for frame in frames:
                loaded.run("weir_egress", frame)
            found.update(int(flow.record["class"]) for flow in loaded.flows())
    finally:
        stopping.set()
        swapping.join()
        loaded.kernel.set_matches(np.zeros(1, MATCH_TABLE))
        loaded.clear()
    assert set(found) == {WEB, FILE}, found
