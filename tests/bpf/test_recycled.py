"""A record whose life has changed under a packet's hands is not that packet's."""

from __future__ import annotations

import pytest

from agent.capture.loader import bpf
from tests.bpf.engine import HOOKS, SLOT, Engine
from tests.support import frames as build

pytestmark = pytest.mark.root

FRAMES = [
    build.ethernet(build.ipv4("10.0.0.1", "192.0.2.1", build.udp(port, 53, bytes(40))))[0]
    for port in (5000, 6000)
]


@pytest.mark.parametrize("program", HOOKS)
@pytest.mark.parametrize("life", ["the same flow's next", "another flow's", "closed"])
def test_a_record_given_away(loaded: Engine, program: str, life: str) -> None:
    loaded.clear()
    one, other = (loaded.see(program, frame).flow for frame in FRAMES)
    assert one
    assert other
    loaded.see(program, FRAMES[0])
    flow = loaded.first_flow()
    assert flow is not None
    record = flow.record.copy().reshape(1)
    new = {"another flow's": other.record["id"], "closed": 0}
    record["id"] = new.get(life, one.record["id"])
    bpf.map_update(loaded.pinned.maps["flows"], flow.key.reshape(1), record)
    loaded.kernel.clear_counters(SLOT)
    loaded.run(program, FRAMES[0])
    found = loaded.outcomes(HOOKS[program])
    after = loaded.first_flow()
    assert after is not None
    counted = life == "the same flow's next"
    assert int(after.record["volume"]["packets"].sum()) == 1 + counted
    assert ("overflow" in found) == (not counted)
    assert found["seen"] == (1, 1, len(FRAMES[0]))
