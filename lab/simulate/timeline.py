"""When what happens: the source's seconds at a speed, and the ticks between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lab.simulate.flows import SECOND_NS, Array, Second


@dataclass(frozen=True, slots=True)
class Moment:
    """Flows that are complete by a moment, or a tick."""

    at_ns: int  # unix time
    flows: Array | None = None  # FLOW, with the times that are reported; None: a tick


@dataclass(frozen=True, slots=True)
class Pace:
    """How the source's time becomes the time that is reported."""

    speed: float  # 0: as fast as possible, and times stay as they are
    began_ns: int  # unix time at which the source's first second begins
    tick_ns: int

    def moved(self, start_ns: Array, first_ns: int) -> Array:
        """Return the reported times of start times."""
        start_ns = start_ns.astype(np.int64)
        if not self.speed:
            return start_ns
        since = start_ns - first_ns
        # Whole numbers where nothing is to be divided: a float does not hold them all.
        scaled = since if self.speed == 1 else (since / self.speed).astype(np.int64)
        moved: Array = np.maximum(self.began_ns + scaled, 0)
        return moved


def moments(seconds: Iterator[Second], pace: Pace, *, lasting: bool) -> Iterator[Moment]:
    """Yield a source's seconds, each at its end, and a tick every tick_ns.

    A tick comes after the flows that are complete by then. lasting: ticks go on when
    the source has ended, except as fast as possible.
    """
    first_ns, next_tick_ns = -1, 0
    for second in seconds:
        if first_ns < 0:
            first_ns = second.start_ns
            begun_ns = pace.began_ns if pace.speed else first_ns
            next_tick_ns = begun_ns + pace.tick_ns
        end = np.array([second.start_ns + SECOND_NS])
        at_ns = int(pace.moved(end, first_ns)[0])
        while next_tick_ns < at_ns:
            yield Moment(next_tick_ns)
            next_tick_ns += pace.tick_ns
            if not pace.speed:
                # Nothing happens in a gap that nobody waits for.
                gap = max(0, at_ns - next_tick_ns) // pace.tick_ns
                next_tick_ns += gap * pace.tick_ns
        flows = second.flows.copy()
        flows["start_ns"] = pace.moved(flows["start_ns"], first_ns)
        yield Moment(at_ns, flows)
    while lasting and pace.speed:
        next_tick_ns = next_tick_ns or pace.began_ns + pace.tick_ns
        yield Moment(next_tick_ns)
        next_tick_ns += pace.tick_ns
