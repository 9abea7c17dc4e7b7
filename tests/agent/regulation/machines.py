"""A machine as the regulator sees it, on a real tree, with clocks of the test."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from agent.capture.layout import COUNTERS, TX
from agent.records import FLOW_DELTA, Interface
from agent.regulation.regulator import Regulator

WAN = {"name": "left0", "egress_mbps": 20}
WATCHED = Interface("left0", 7, 3, "", 1500, 0, (), True, "tcx", "tcx")
SECOND = 10**9


@dataclass
class Machine:
    """Packet programs, links and clocks, as the regulator sees them."""

    now_s: float = 1000.0
    watched: tuple[Interface, ...] = (WATCHED,)
    shaping: dict = field(default_factory=dict)
    forecasts: dict = field(default_factory=dict)
    chosen: tuple[str, ...] = ()  # to be watched
    set_s: float = 0.0  # how far the clock on the wall was moved
    octets: int = 0
    trip_ms: float = 20.0

    def set_shaping(self, slot, hook, row) -> None:
        self.shaping[slot, hook] = row[0].copy()

    def set_policer(self, slot, hook, number, bucket) -> None:
        assert number == 1  # voice

    def counters(self, slots):
        sums = np.zeros((4, 2), COUNTERS)
        sums["seen"]["bytes"][slots[0], TX] = self.octets
        return sums

    def flows(self):
        flows = np.zeros(1, FLOW_DELTA)
        flows["slot"], flows["rtt_ns"] = 3, self.trip_ms * 1e6
        flows["last_ns"] = self.now_s * SECOND
        return self.now_s, flows

    def forecast(self, device, way):
        found = self.forecasts.get((device, way), {})
        if isinstance(found, Exception):
            raise found
        return found

    def left_s(self, hook=TX) -> float:
        """How long packets are told to obey."""
        return (int(self.shaping[3, hook]["deadline_ns"]) - self.now_s * SECOND) / SECOND


@dataclass
class Bench:
    """A regulator in a namespace, and its machine."""

    regulator: Regulator
    machine: Machine
    space: object

    def step(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.machine.now_s += 1
            self.regulator.step()

    def tc(self, *words: str) -> str:
        return self.space.run("tc", *words, "show", "dev", "left0")

    def lane(self, way: str = "egress"):
        (found,) = [one for one in self.regulator.state.lanes if one.way == way]
        return found
