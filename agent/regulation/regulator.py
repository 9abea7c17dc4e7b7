"""QoS while the agent runs, in a thread of its own: counting never waits for it.

Every second: has the tree its place, what did it do, what moves, and until when packets are
to obey. Whatever fails here is said once and counted; packets then take the baseline.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

from agent.capture.layout import TX
from agent.qos.apply import given, statistics, transaction
from agent.qos.apply.operate import Both, Operator
from agent.qos.htb import Moves
from agent.qos.plan import ifb_name
from agent.qos.section import Settings
from agent.records import Array, Interface
from agent.regulation import standing
from agent.regulation.lanes import (
    SECOND_NS,
    Forecast,
    Lane,
    Rows,
    lanes,
    no_forecast,
    round_trip_s,
)
from agent.regulation.measured import Measured, Walk
from agent.reports import RegulatorState

LOG: Final = logging.getLogger("weir.qos")

PERIOD_S: Final = 1.0
RETRY_NS: Final = 10 * SECOND_NS
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


def nobody_chooses(device: str) -> bool:
    """Tell that nobody watches a device."""
    return False


@dataclass(slots=True)
class Regulator:
    """The devices of the settings. All but `run` and `ask` belong to its own thread."""

    settings: Settings
    directory: Path
    rows: Rows
    interfaces: Callable[[], tuple[Interface, ...]]
    flows: Callable[[], tuple[float, Array]]  # unix time of the last walk, FLOW_DELTA
    clock: Clock
    forecast: Forecast = no_forecast
    is_chosen: Callable[[str], bool] = nobody_chooses  # to be watched, by name
    problems: tuple[str, ...] = ()
    failures: int = 0
    state: RegulatorState = RegulatorState()
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "weir-qos")
    )
    _operator: Operator | None = None
    _lanes: dict[str, tuple[Lane, ...]] = field(default_factory=dict)
    _indices: dict[str, int] = field(default_factory=dict)  # devices that are there
    _speeds: dict[str, int] = field(default_factory=dict)  # of those shaped by speed
    _unfit: dict[str, str] = field(default_factory=dict)  # left as they are, and why
    _moves: Mapping[str, Both] | None = None  # as last asked for; None: not known
    _numbers: dict[str, int] = field(default_factory=dict)  # of trees, as just read
    _settled: dict[str, int] = field(default_factory=dict)  # that had what was asked for
    _has_new_settings: bool = False
    _due: bool = False  # the tree is to be applied
    _retry_ns: int = 0  # monotonic
    _trouble: str = ""  # why the tree is not as it should be, until a try succeeds
    _measured: Measured = field(init=False)

    def __post_init__(self) -> None:
        self._measured = Measured.remembering(given.load_capacities(self.directory))
        self.settings = self.settings.having(self._measured.capacities())

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
            states = standing.lane_states(self.settings, self._lanes)
        except Exception as error:  # noqa: BLE001 - counting goes on whatever happens here
            self._fail(error)
            states = self.state.lanes
        self.state = RegulatorState(
            self.settings.mode, states, self.failures, self.problems
        )

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        self._retry_ns = self.clock.monotonic_ns() + RETRY_NS
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
        operator = self._opened()
        if transaction.recover(operator.kernel, operator.journal, now):
            LOG.warning("qos: a change that was cut short or not confirmed was taken back")
        is_held = self.clock.monotonic_ns() < self._retry_ns
        if self._due and not is_held:
            steps = operator.apply()
            LOG.info("qos: %d steps taken", len(steps))
            self._due, self._moves = False, {}
        moves, self._numbers = {}, {}
        for name in self._lanes:
            moves[name] = self._regulate(operator, name, watched.get(name), now)
        if not is_held:
            self._move(operator, {name: both for name, both in moves.items() if both})
            self._trouble = ""
        held = (self._trouble,) if self._trouble else ()
        lacking = standing.lacking(self.settings, self._indices, watched, self.is_chosen)
        return (*held, *self._unfit.values(), *lacking)

    def _measure(self, watched: Mapping[str, Interface], now: float) -> None:
        """Find out what links carry that nobody has told."""
        walked_at, flows = self.flows()
        walk = Walk(now, walked_at, flows)
        if self._measured.look(self.settings.interfaces, watched, self.rows, walk):
            capacities = self._measured.capacities()
            LOG.info("qos: capacity measured, bit/s: %s", capacities)
            self.take(self.settings)
            try:
                given.save_capacities(self.directory, capacities)
            except OSError as error:
                LOG.warning("qos: capacities would be forgotten at a restart: %s", error)

    def _follow(self, watched: Mapping[str, Interface]) -> None:
        """Begin anew whenever a device, its speed or the settings are other ones."""
        indices = standing.present(self.settings)
        speeds = standing.speeds(self.settings, watched, self._speeds)
        is_other = self._has_new_settings or standing.is_told_anew(speeds, self._speeds)
        if indices == self._indices and not is_other:
            return
        self._close()
        before = {(lane.device, lane.way): lane for lane in self._all()}
        self._lanes, self._unfit = standing.fitting(self.settings, indices, speeds)
        is_asked = self.settings.mode == "shape" or (
            is_other and any(lane.last for lane in before.values())
        )
        self._due = is_asked and (bool(self._lanes) or is_other)
        for lane in self._all():
            old = before.pop((lane.device, lane.way), None)
            if old and self._indices.get(lane.device) == indices[lane.device]:
                lane.go_on_from(old)
        for (name, _), lane in before.items():
            if name in watched and name not in self._unfit:
                lane.silence(self.rows, watched[name].slot)
        self._indices, self._speeds = indices, speeds
        self._moves, self._has_new_settings = None, False

    def _all(self) -> Iterator[Lane]:
        return chain.from_iterable(self._lanes.values())

    def _opened(self) -> Operator:
        if self._operator is None:
            there = tuple(
                one for one in self.settings.interfaces if one.name in self._lanes
            )
            self._operator = Operator(
                dataclasses.replace(self.settings, interfaces=there),
                self.directory,
                self._speeds,
                frozenset(self._unfit),
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
            tree = statistics.of_tree(operator.netlink, index, lane.major)
            if tree is None:
                if watched is not None:
                    lane.silence(self.rows, watched.slot)
                continue
            trip = self._round_trip(watched, now) if lane.controller.is_adaptive else None
            self._numbers[device] = tree.numbers
            decision = lane.step(now, tree.counts, trip, lane.advice(self.forecast))
            decided[0 if lane.hook == TX else 1] = decision.moves
            if watched is not None:
                left_ns = int((decision.expires - now) * SECOND_NS)
                lane.tell(self.rows, watched.slot, self.clock.monotonic_ns() + left_ns)
        if decided == [None, None]:
            return None
        return decided[0] or Moves(), decided[1] or Moves()

    def _round_trip(self, watched: Interface | None, now: float) -> float | None:
        if watched is None:
            return None
        since_ns = int(now * SECOND_NS) - TRIP_AGE_NS
        return round_trip_s(self.flows()[1], watched.slot, since_ns)

    def _move(self, operator: Operator, moves: Mapping[str, Both]) -> None:
        """Have the active branches follow what was decided, whoever changed them since."""
        if not moves or (moves == self._moves and self._numbers == self._settled):
            return
        wanted, _ = operator.wanted(moves)
        steps = transaction.adjust(operator.kernel, wanted, standing.is_move)
        self._moves, self._settled = dict(moves), {} if steps else self._numbers

    def _leave(self) -> None:
        try:
            watched = {item.name: item for item in self.interfaces()}
            for lane in self._all():
                if lane.device in watched:
                    lane.tell(self.rows, watched[lane.device].slot, 0)
            if self._operator is not None and self._moves:
                self._move(self._operator, dict.fromkeys(self._moves, _NONE))
        except Exception as error:  # noqa: BLE001 - the stop goes on: a batch is to be sent
            # The baseline holds all the same, as soon as the deadline is over.
            LOG.warning("qos: rates are left as they were moved: %s", error)
        self._close()

    def check(self, settings: Settings) -> None:
        """Raise BadRule where devices of these settings cannot have what the rules ask."""
        wanted = settings.having(self._measured.capacities())
        watched = {item.name: item for item in self.interfaces()}
        speeds = standing.speeds(wanted, watched, self._speeds)
        for one in wanted.interfaces:
            if not one.is_auto or speeds[one.name]:
                lanes(wanted, one, speeds.get(one.name, 0))

    def take(self, settings: Settings) -> None:
        """Take other settings; the next step changes trees in place."""
        self.settings = settings.having(self._measured.capacities())
        # The next step begins anew, at once.
        self._has_new_settings, self._retry_ns = True, 0

    def plan(self) -> tuple[list[str], list[str]]:
        """Return what applying would do, and notes. Raises OSError, ValueError."""
        return self._opened().plan()
