"""One capture through the engine: flows in the order they end, with notice on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.extract.engine import Engine
from lab.extract.source import Source, Unreadable
from wire.listeners import Listeners

Flows = npt.NDArray[np.void]

CUT_OFF = "cut off in the middle of a packet"


@dataclass(slots=True)
class Reading:
    """How a reading went: problem is empty, or says why it ended before the file did."""

    problem: str = ""


def _taken(engine: Engine, listeners: Listeners) -> Iterator[Flows]:
    while len(flows := engine.take()):
        if listeners:
            _tell_ended(listeners, flows)
        yield flows


def _tell_ended(listeners: Listeners, flows: Flows) -> None:
    names = flows.dtype.names or ()
    if "extra" in names:
        listeners.tell("on_flow_start", flows[flows["extra"]["told"] == 0])
    listeners.tell("on_flow_end", flows)


def _tell_live(listeners: Listeners, engine: Engine) -> None:
    for flows in engine.touched():
        told = flows["extra"]["told"] != 0
        listeners.tell("on_flow_start", flows[~told])
        listeners.tell("on_flow_update", flows[told])


def read(
    source: Source,
    engine: Engine,
    reading: Reading,
    notice: Callable[[], None] = lambda: None,
    listeners: Listeners | None = None,
) -> Iterator[Flows]:
    """Flows of the capture, in pieces that are valid until the next is asked for.

    notice is called every few milliseconds and may raise to stop. A damaged capture gives
    the flows of what could be read; reading.problem then has the reason.
    """
    hear = listeners or Listeners()
    try:
        while True:
            outcome, used = engine.feed(source.window())
            source.drop(used)
            if outcome < 0:
                reading.problem = engine.reason
                break
            if outcome:
                yield from _taken(engine, hear)
                if hear and engine.own:
                    _tell_live(hear, engine)
            notice()
            if not outcome and not source.fill():
                reading.problem = _ending(source, engine)
                break
    except Unreadable as error:
        reading.problem = str(error)
    try:
        engine.finish()
    except MemoryError as error:
        reading.problem = reading.problem or str(error)
    yield from _taken(engine, hear)


def _ending(source: Source, engine: Engine) -> str:
    if len(source.window()):
        return CUT_OFF if engine.frames() else "neither pcap nor pcapng"
    return "" if source.position else "empty"
