from __future__ import annotations

import contextlib

import pytest

from agent.qos import section
from agent.regulation.regulator import Clock, Regulator
from tests.agent.regulation.machines import SECOND, WAN, Bench, Machine


@pytest.fixture
def bench(quiet_pair, tmp_path):
    left, _ = quiet_pair
    with contextlib.ExitStack() as opened:

        def made(machine: Machine | None = None, **qos) -> Bench:
            machine = machine or Machine()
            clock = Clock(
                lambda: int(machine.now_s * SECOND),
                lambda: int((machine.now_s + machine.set_s) * SECOND),
            )
            settings = section.parse({"mode": "shape", "interface": [WAN], **qos})
            regulator = Regulator(
                settings,
                tmp_path,
                machine,
                lambda: machine.watched,
                machine.flows,
                clock,
                machine.forecast,
                lambda name: name in machine.chosen,
            )
            opened.callback(regulator._leave)
            return Bench(regulator, machine, left)

        opened.enter_context(left.entered())
        yield made
