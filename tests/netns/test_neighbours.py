"""Other agents' programs, filters and qdiscs are as they were, whatever Weir does."""

from __future__ import annotations

import os

import pytest

from tests.support import foreign
from tests.support.agents import Agent
from tests.support.mix import mixed
from tests.support.namespaces import wait_until
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@pytest.fixture
def occupied(quiet_pair):
    """right0 with a TCX program, a clsact filter in both directions and a root HTB."""
    _, right = quiet_pair
    fd = foreign.program("foreign")
    foreign.clsact_filter(right, "right0", fd, priority=1)
    foreign.shaper(right, "right0")
    links = foreign.tcx(right, "right0", fd)
    yield right
    for link in (*links, fd):
        os.close(link)


@pytest.mark.parametrize("tc", ["tcx", "clsact"])
def test_attach_run_crash_detach_leave_others_alone(occupied, tmp_path, tc):
    before = foreign.everything(occupied, "right0")
    assert before["links"], "the foreign TCX program is not seen"
    agent = Agent(
        occupied, tmp_path, capture={"interfaces": ["right0"], "xdp": "off", "tc": tc}
    )
    try:
        agent.start()
        assert foreign.everything(occupied, "right0")["links"] == before["links"]
        agent.kill()
        agent.start()
        agent.stop()
        agent.command("detach")
    finally:
        agent.remove()
    assert foreign.everything(occupied, "right0") == before


@pytest.mark.parametrize("tc", ["tcx", "clsact"])
def test_a_bare_interface_is_bare_again(quiet_pair, tmp_path, tc):
    _, right = quiet_pair
    before = foreign.everything(right, "right0")
    agent = Agent(
        right, tmp_path, capture={"interfaces": ["right0"], "xdp": "off", "tc": tc}
    )
    try:
        agent.start()
        agent.kill()
        agent.command("detach")
    finally:
        agent.remove()
    assert foreign.everything(right, "right0") == before
    assert not agent.pins.exists()


def test_a_hook_that_never_runs_is_told(quiet_pair, tmp_path):
    left, right = quiet_pair
    capture = {"interfaces": ["right0"], "xdp": "off", "tc": "clsact"}
    agent = Agent(right, tmp_path, capture=capture)
    try:
        agent.start()
        # Whoever comes first on TCX and answers OK hides every clsact filter.
        fd = foreign.program("greedy", verdict=0)
        links = foreign.tcx(right, "right0", fd)
        packed = pack([frame for frame, _ in mixed(2, 500)])
        with Sender(left, "left0") as sender:
            sender.send_packed(packed)
        wait_until("it is told", lambda: "sees nothing" in str(agent.status()["problems"]))
        for link in (*links, fd):
            os.close(link)
    finally:
        agent.remove()
