"""What the daemon hands over for every answer: one moment of the agent, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from agent.records import CLASS_NAMES, FLOW_DELTA, HOOKS, UNITS, Array, Counters, Interface
from agent.reports import PluginState, RegulatorState, SpoolState, UplinkState

OUTCOMES: Final = ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")

Volume = dict[str, int]
"""frames, packets, bytes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The agent at now_ns (unix time). Counters are cumulative since the maps were made."""

    switch_id: str
    version: str
    now_ns: int
    uptime_seconds: float
    spool: SpoolState = SpoolState()
    uplink: UplinkState = UplinkState()
    ready: bool = True  # programs are attached and the map was walked once
    problems: tuple[str, ...] = ()  # what is degraded, a line each
    loader: str = ""
    interfaces: tuple[Interface, ...] = ()
    counters: Counters = field(default_factory=Counters.none)
    # The interfaces' own counters by name: uint64 (hooks, units).
    kernel: Mapping[str, npt.NDArray[np.uint64]] = field(default_factory=dict)
    flows: Array = field(
        default_factory=lambda: np.zeros(0, FLOW_DELTA)
    )  # the last walk's, unix times
    walked_ns: int = 0  # unix time of that walk
    flows_max: int = 0
    flows_processed: int = 0  # flows that began since the agent started
    flows_per_second: float = 0.0
    closing_free: int = 0  # flows that can end before the next batch
    endpoints: int = 0
    endpoints_max: int = 0
    evictions: int = 0
    rss_bytes: int = 0
    walk_seconds: float = 0.0  # the last walk
    step_seconds: float = 0.0  # the last tick
    regulator: RegulatorState = RegulatorState()
    plugins: tuple[PluginState, ...] = ()

    @property
    def state(self) -> str:
        """Return starting, degraded or ok."""
        if not self.ready:
            return "starting"
        return "degraded" if self.problems else "ok"


class Source(Protocol):
    """Where answers come from: the daemon."""

    async def snapshot(self, *, exact: bool = False) -> Snapshot:
        """Return this moment; exact walks the map, so that both sides of counts agree."""

    async def sketches(self) -> Sequence[Mapping[str, Any]]:
        """Return the endpoints' estimates."""

    async def sync(self) -> None:
        """Close the interval now and deliver it."""

    @property
    def has_collector(self) -> bool:
        """Tell whether there is anywhere to deliver to."""


def volume(values: npt.NDArray[np.uint64]) -> Volume:
    """Return a row of counters by unit."""
    return dict(zip(UNITS, values.tolist(), strict=True))


def directions(snapshot: Snapshot, interface: Interface) -> dict[str, dict[str, Volume]]:
    """Return by direction the interface's own counters and where its packets went."""
    own = snapshot.kernel.get(interface.name, np.zeros((2, 3), np.uint64))
    return {
        hook: {
            "interface": volume(own[row]),
            **{
                name: volume(getattr(snapshot.counters, name)[interface.slot, row])
                for name in OUTCOMES
            },
        }
        for row, hook in enumerate(HOOKS)
    }


def classes(snapshot: Snapshot, interface: Interface) -> dict[str, dict[str, Volume]]:
    """Return by direction what each class carried."""
    table = snapshot.counters.by_class[interface.slot]
    return {
        hook: {name: volume(table[row, number]) for number, name in enumerate(CLASS_NAMES)}
        for row, hook in enumerate(HOOKS)
    }
