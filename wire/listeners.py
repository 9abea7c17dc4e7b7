"""Plug-ins that hear of flows: begun, gone on, ended. Live and offline call them alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

EVENTS: Final = ("on_flow_start", "on_flow_update", "on_flow_end")
"""A listener is any object with some of these methods, each taking one flow.

A flow is one structured row: of agent.records.FLOW_DELTA live, of lab.extract.engine.FLOW
(or CIC_FLOW) offline. It is only valid during the call. A listener that has a method of
MANY instead gets all flows of an event as one array, and costs no object a flow.
"""

MANY: Final = {event: event.replace("flow", "flows") for event in EVENTS}

FAILURES_LIMIT: Final = 100
"""A listener that raises this often in a row is not called any more."""


class Listeners:
    """Several listeners at once; one that raises is counted and harms nobody else."""

    def __init__(self, listeners: Iterable[object] = ()) -> None:
        self._listeners: Sequence[object] = tuple(listeners)
        self.failures = [0] * len(self._listeners)
        self.last_failure = [""] * len(self._listeners)
        self._in_a_row = [0] * len(self._listeners)

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def silenced(self) -> list[object]:
        """Listeners that failed too often and are left alone."""
        rows = zip(self._listeners, self._in_a_row, strict=True)
        return [listener for listener, count in rows if count >= FAILURES_LIMIT]

    def tell(self, event: str, flows: npt.NDArray[np.void]) -> None:
        """Call every listener's method of that name with each flow, or with all."""
        for at, listener in enumerate(self._listeners):
            whole: Any = getattr(listener, MANY[event], None)
            if whole is not None and len(flows):
                self._call(at, whole, flows)
            method: Any = None if whole else getattr(listener, event, None)
            if method is None:
                continue
            for flow in flows:
                if self._in_a_row[at] >= FAILURES_LIMIT:
                    break
                self._call(at, method, flow)

    def _call(self, at: int, method: Any, flows: Any) -> None:
        if self._in_a_row[at] >= FAILURES_LIMIT:
            return
        try:
            method(flows)
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is its own
            self.failures[at] += 1
            self._in_a_row[at] += 1
            self.last_failure[at] = f"{type(error).__name__}: {error}"
        else:
            self._in_a_row[at] = 0
