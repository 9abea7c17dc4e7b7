"""QoS while the agent runs, in a thread of its own: counting never waits for it.

Every second: has the tree its place, what did it do, what moves, and until when packets are
to obey. Whatever fails here is said once and counted; packets then take the baseline.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from agent.capture.layout import TX
from agent.qos.apply import given, statistics, transaction
from agent.qos.apply.operate import Both, Operator
from agent.qos.demand import Quantiles
from agent.qos.htb import Moves
from agent.qos.plan import ifb_name
from agent.qos.section import Settings
from agent.records import Array, Interface
from agent.regulation import standing
from agent.regulation.lanes import SECOND_NS, Lane, Rows, lanes, round_trip_s
from agent.regulation.measured import Measured, Walk
from agent.reports import RegulatorState

LOG: Final = logging.getLogger("weir.qos")

PERIOD_S: Final = 1.0
RETRY_S: Final = 10.0
"""Until what failed as a whole is tried again."""

TRIP_AGE_NS: Final = 30 * SECOND_NS
"""Flows that were silent for longer say nothing about the link as it is."""

_Answer = TypeVar("_Answer")
_NONE: Final = (Moves(), Moves())


@dataclass(frozen=True, slots=True)
class Clock:
    """The machine's two clocks."""

    monotonic_ns: Callable[[], int]
    unix_ns: Callable[[], int]


def no_forecast(device: str, way: str) -> Mapping[str, Quantiles]:
    """Tell that nobody forecasts: what was served takes its place."""
    return {}


@dataclass(slots=True)
class Regulator:
    """The devices of the settings. All but `run` and `ask` belong to its own thread."""

    settings: Settings
    directory: Path
    rows: Rows
    interfaces: Callable[[], tuple[Interface, ...]]
    flows: Callable[[], tuple[float, Array]]  # unix time of the last walk, FLOW_DELTA
    clock: Clock
    # What a model last said of a direction's demand; it may fail, but never waits.
    forecast: Callable[[str, str], Mapping[str, Quantiles]] = no_forecast
    problems: tuple[str, ...] = ()
    failures: int = 0
    state: RegulatorState = RegulatorState()
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "weir-qos")
    )
    _operator: Operator | None = None
    _lanes: dict[str, tuple[Lane, ...]] = field(default_factory=dict)
    _indices: dict[str, int] = field(default_factory=dict)  # devices that are there
    _moves: Mapping[str, Both] | None = None  # as the trees have them; None: not known
    _has_new_settings: bool = False
    _due: bool = False  # the tree is to be applied
    _retry_at: float = 0.0
    _trouble: str = ""  # why the tree is not as it should be, until a try succeeds
    _measured: Measured = field(init=False)

    def __post_init__(self) -> None:
        self._measured = Measured.remembering(given.load_capacities(self.directory))
        self.settings = self._in_force(self.settings)

    def _in_force(self, settings: Settings) -> Settings:
        """Return the settings with the capacities that were measured."""
        known = self._measured.capacities()
        having = tuple(one.having(known.get(one.name, {})) for one in settings.interfaces)
        return dataclasses.replace(settings, interfaces=having)

    @property
    def is_idle(self) -> bool:
        """Whether the settings name nothing to shape."""
        return not self.settings.interfaces

    async def run(self) -> None:
        """Regulate until cancelled."""
        while True:
            started_ns = self.clock.monotonic_ns()
            if not self.is_idle or self._lanes or self._due:
                await self.ask(self.step)
            taken_s = (self.clock.monotonic_ns() - started_ns) / SECOND_NS
            await asyncio.sleep(max(0.1, PERIOD_S - taken_s))

    async def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Return an answer from the thread that owns the trees."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question)

    async def leave(self) -> None:
        """Lift what was moved and let the baseline hold; trees stay."""
        await self.ask(self._leave)
        self._thread.shutdown(wait=False)

    def step(self) -> None:
        """Regulate for the next seconds; never raises."""
        now = self.clock.unix_ns() / SECOND_NS
        try:
            self._say(self._step(now))
        except Exception as error:  # noqa: BLE001 - counting goes on whatever happens here
            self._fail(now, error)
        self.state = RegulatorState(
            self.settings.mode,
            standing.lane_states(self.settings, self._lanes),
            self.failures,
            self.problems,
        )

    def _fail(self, now: float, error: Exception) -> None:
        self.failures += 1
        self._retry_at = now + RETRY_S
        self._close()
        told = str(error) or type(error).__name__
        self._trouble = told if told.startswith("qos") else f"qos: {told}"
        self._say((self._trouble,))

    def _say(self, problems: tuple[str, ...]) -> None:
        for line in problems:
            if line not in self.problems:
                LOG.warning(line)
        self.problems = problems

    def _step(self, now: float) -> tuple[str, ...]:
        watched = {item.name: item for item in self.interfaces()}
        self._measure(watched, now)
        self._follow(watched)
        operator = self._opened(watched)
        if transaction.recover(operator.kernel, operator.journal, now):
            LOG.warning("qos: a change that was cut short or not confirmed was taken back")
        is_held = now < self._retry_at
        if self._due and not is_held:
            steps = operator.apply()
            LOG.info("qos: %d steps taken", len(steps))
            self._due, self._moves = False, {}
        moves = {}
        for name in self._lanes:
            moves[name] = self._regulate(operator, name, watched.get(name), now)
        if not is_held:
            self._move(operator, {name: both for name, both in moves.items() if both})
            self._trouble = ""
        held = (self._trouble,) if self._trouble else ()
        return (*held, *standing.lacking(self.settings, self._indices, watched))

    def _measure(self, watched: Mapping[str, Interface], now: float) -> None:
        """Find out what links carry that nobody has told."""
        walked_at, flows = self.flows()
        walk = Walk(now, walked_at, flows)
        if self._measured.look(self.settings.interfaces, watched, self.rows, walk):
            capacities = self._measured.capacities()
            LOG.info("qos: capacity measured, bit/s: %s", capacities)
            given.save_capacities(self.directory, capacities)
            self._take(self.settings)

    def _follow(self, watched: Mapping[str, Interface]) -> None:
        """Begin anew whenever a device has come or gone, or the settings are other ones."""
        indices = standing.present(self.settings)
        if indices == self._indices and self._lanes.keys() == indices.keys():
            return
        self._close()
        self._indices = indices
        stands = any(lane.last for both in self._lanes.values() for lane in both)
        is_asked = self.settings.mode == "shape" or (self._has_new_settings and stands)
        self._due = is_asked and (bool(indices) or self._has_new_settings)
        self._moves, self._has_new_settings = None, False
        before = self._lanes
        self._lanes = {
            one.name: lanes(self.settings, one, standing.speed_of(watched, one.name))
            for one in self.settings.interfaces
            if one.name in indices
        }
        kept = {(lane.device, lane.way) for both in self._lanes.values() for lane in both}
        for name in before.keys() & watched.keys():
            for lane in before[name]:
                if (name, lane.way) not in kept:
                    lane.silence(self.rows, watched[name].slot)

    def _opened(self, watched: Mapping[str, Interface]) -> Operator:
        if self._operator is None:
            there = tuple(
                one for one in self.settings.interfaces if one.name in self._indices
            )
            self._operator = Operator(
                dataclasses.replace(self.settings, interfaces=there),
                self.directory,
                {name: standing.speed_of(watched, name) for name in self._indices},
            )
        return self._operator

    def _close(self) -> None:
        if self._operator is not None:
            self._operator.netlink.close()
            self._operator = None

    def _regulate(
        self, operator: Operator, name: str, watched: Interface | None, now: float
    ) -> Both | None:
        """Decide for both directions and tell the packets; None: no tree stands there."""
        decided: list[Moves | None] = [None, None]
        for lane in self._lanes[name]:
            device = name if lane.hook == TX else ifb_name(name)
            index = self._indices[name] if lane.hook == TX else standing.index_of(device)
            counts = (
                statistics.of_tree(operator.netlink, index, lane.major) if index else None
            )
            if counts is None:
                if watched is not None:
                    lane.silence(self.rows, watched.slot)
                continue
            trip = self._round_trip(watched, now) if lane.controller.is_adaptive else None
            decision = lane.step(now, counts, trip, self._advice(lane))
            decided[0 if lane.hook == TX else 1] = decision.moves
            if watched is not None:
                left_ns = int((decision.expires - now) * SECOND_NS)
                lane.tell(self.rows, watched.slot, self.clock.monotonic_ns() + left_ns)
        if decided == [None, None]:
            return None
        return decided[0] or Moves(), decided[1] or Moves()

    def _advice(self, lane: Lane) -> Mapping[str, Quantiles]:
        """Return what a model says of a direction; one that fails is as good as none."""
        try:
            return self.forecast(lane.device, lane.way)
        except Exception as error:  # noqa: BLE001 - a model is advice from outside
            lane.controller.refused["failed"] += 1
            LOG.debug("qos: %s %s: no forecast: %s", lane.device, lane.way, error)
            return {}

    def _round_trip(self, watched: Interface | None, now: float) -> float | None:
        if watched is None:
            return None
        since_ns = int(now * SECOND_NS) - TRIP_AGE_NS
        return round_trip_s(self.flows()[1], watched.slot, since_ns)

    def _move(self, operator: Operator, moves: Mapping[str, Both]) -> None:
        """Have the active branches follow what was decided."""
        if not moves or moves == self._moves:
            return
        wanted, _ = operator.wanted(moves)
        transaction.adjust(operator.kernel, wanted, standing.is_move)
        self._moves = dict(moves)

    def _leave(self) -> None:
        with contextlib.suppress(Exception):
            watched = {item.name: item for item in self.interfaces()}
            for name, both in self._lanes.items():
                for lane in both:
                    if name in watched:
                        lane.tell(self.rows, watched[name].slot, 0)
            if self._operator is not None and self._moves:
                self._move(self._operator, dict.fromkeys(self._moves, _NONE))
        self._close()

    def take(self, settings: Settings) -> None:
        """Take other settings; the next step changes trees in place. Raises BadRule."""
        wanted = self._in_force(settings)
        watched = {item.name: item for item in self.interfaces()}
        for one in wanted.interfaces:
            lanes(wanted, one, standing.speed_of(watched, one.name))
        self._take(settings)

    def _take(self, settings: Settings) -> None:
        self.settings = self._in_force(settings)
        # The next step begins anew, at once.
        self._indices, self._has_new_settings, self._retry_at = {}, True, 0.0

    def plan(self) -> tuple[list[str], list[str]]:
        """Return what applying would do, and notes. Raises OSError, ValueError."""
        return self._opened({item.name: item for item in self.interfaces()}).plan()
