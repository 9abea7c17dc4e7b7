"""QoS while the agent runs, in a thread of its own: counting never waits for it.

Every second: has the tree its place, what did it do, what moves, and until when packets are
to obey. Whatever fails here is said once and counted; packets then take the baseline.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.capture.layout import TX
from agent.lanes import SECOND_NS, Lane, Rows, lanes, round_trip_s
from agent.qos.apply import statistics, transaction
from agent.qos.apply.operate import Both, Operator
from agent.qos.diff import diff
from agent.qos.htb import ACTIVE, ACTIVE_LEAVES, Moves
from agent.qos.plan import ifb_name
from agent.qos.rules import Rule
from agent.qos.section import Settings
from agent.qos.tree import Change, Class
from agent.records import Array, Interface

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


@dataclass(slots=True)
class Regulator:
    """The devices of the settings. All but `run` and `ask` belong to its own thread."""

    settings: Settings
    directory: Path
    rows: Rows
    interfaces: Callable[[], tuple[Interface, ...]]
    flows: Callable[[], Array]  # FLOW_DELTA of the last walk
    clock: Clock
    problems: tuple[str, ...] = ()
    failures: int = 0
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "weir-qos")
    )
    _operator: Operator | None = None
    _lanes: dict[str, tuple[Lane, ...]] = field(default_factory=dict)
    _indices: dict[str, int] = field(default_factory=dict)  # devices that are there
    _moves: Mapping[str, Both] | None = None  # as the trees have them; None: not known
    _has_new_rules: bool = False
    _due: bool = False  # the tree is to be applied
    _retry_at: float = 0.0
    _trouble: str = ""  # why the tree is not as it should be, until a try succeeds

    @property
    def is_idle(self) -> bool:
        """Whether the settings name nothing to shape."""
        return not self.settings.interfaces

    async def run(self) -> None:
        """Regulate until cancelled."""
        while not self.is_idle:
            started_ns = self.clock.monotonic_ns()
            await self.ask(self.step)
            taken_s = (self.clock.monotonic_ns() - started_ns) / SECOND_NS
            await asyncio.sleep(max(0.1, PERIOD_S - taken_s))

    async def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Return an answer from the thread that owns the trees."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question)

    async def leave(self) -> None:
        """Lift what was moved and let the baseline hold; trees stay."""
        if not self.is_idle:
            await self.ask(self._leave)
        self._thread.shutdown(wait=False)

    def step(self) -> None:
        """Regulate for the next seconds; never raises."""
        now = self.clock.unix_ns() / SECOND_NS
        try:
            self._say(self._step(now))
        except Exception as error:  # noqa: BLE001 - counting goes on whatever happens here
            self._fail(now, error)

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
        return (*held, *self._lacking(watched))

    def _follow(self, watched: Mapping[str, Interface]) -> None:
        """Begin anew whenever a device has come or gone."""
        indices = {}
        for one in self.settings.interfaces:
            with contextlib.suppress(OSError):
                indices[one.name] = socket.if_nametoindex(one.name)
        if indices == self._indices and self._lanes.keys() == indices.keys():
            return
        self._close()
        self._indices = indices
        stands = any(lane.last for both in self._lanes.values() for lane in both)
        is_asked = self.settings.mode == "shape" or (self._has_new_rules and stands)
        self._due, self._moves = is_asked and bool(indices), None
        self._has_new_rules = False
        self._lanes = {
            one.name: lanes(self.settings, one, _speed(watched, one.name))
            for one in self.settings.interfaces
            if one.name in indices
        }

    def _opened(self, watched: Mapping[str, Interface]) -> Operator:
        if self._operator is None:
            present = tuple(
                one for one in self.settings.interfaces if one.name in self._indices
            )
            self._operator = Operator(
                dataclasses.replace(self.settings, interfaces=present),
                self.directory,
                {name: _speed(watched, name) for name in self._indices},
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
            index = self._indices[name] if lane.hook == TX else _index(device)
            if not index or statistics.of_root(operator.netlink, index) is None:
                if watched is not None:
                    lane.silence(self.rows, watched.slot)
                continue
            trip = self._round_trip(watched, now) if lane.controller.is_adaptive else None
            counts = statistics.by_class(operator.netlink, index)
            decision = lane.step(now, counts, trip)
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
        return round_trip_s(self.flows(), watched.slot, since_ns)

    def _move(self, operator: Operator, moves: Mapping[str, Both]) -> None:
        """Have the active branches follow what was decided."""
        if not moves or moves == self._moves:
            return
        wanted, _ = operator.wanted(moves)
        strange = [
            step for step in diff(operator.kernel.read(), wanted) if not _is_move(step)
        ]
        if strange:
            raise ValueError(
                f"qos: {strange[0].item.device}: the tree is of other settings: "
                "restart weir-agent, or run: weir-agent qos revert"
            )
        transaction.adjust(operator.kernel, wanted)
        self._moves = dict(moves)

    def _lacking(self, watched: Mapping[str, Interface]) -> tuple[str, ...]:
        found = []
        for one in self.settings.interfaces:
            if one.name not in self._indices:
                found.append(f"qos: {one.name}: there is no such device: check the name")
            elif one.name not in watched:
                found.append(
                    f"qos: {one.name}: its packets get no class: "
                    "add it to [capture] interfaces"
                )
            elif one.ingress_bps != 0 and watched[one.name].rx_mode.startswith("xdp"):
                found.append(f"qos: {one.name}: XDP counts what arrives: it gets no class")
        return tuple(found)

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

    def put_rules(self, rules: tuple[Rule, ...]) -> None:
        """Take other rules; the next step changes trees in place. Raises BadRule."""
        settings = dataclasses.replace(self.settings, rules=rules)
        for one in settings.interfaces:
            lanes(
                settings,
                one,
                _speed({item.name: item for item in self.interfaces()}, one.name),
            )
        self.settings = settings
        self._indices, self._has_new_rules = {}, True  # The next step begins anew.

    def plan(self) -> tuple[list[str], list[str]]:
        """Return what applying would do, and notes. Raises OSError, ValueError."""
        return self._opened({item.name: item for item in self.interfaces()}).plan()

    @property
    def capacity_bps(self) -> int:
        """The first link's capacity to the outside; 0: not known."""
        links = [one.egress_bps or 0 for one in self.settings.interfaces]
        return next((link for link in links if link), 0)

    def told(self) -> dict[str, Any]:
        """Return what GET /stats says of the trees."""
        return {
            "mode": self.settings.mode,
            "failures": self.failures,
            "devices": {
                name: {lane.way: lane.told() for lane in both}
                for name, both in self._lanes.items()
            },
        }


def _index(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0


def _speed(watched: Mapping[str, Interface], name: str) -> int:
    return watched[name].speed_bps if name in watched else 0


def _is_move(step: Change) -> bool:
    """Whether a step changes nothing but rates of an active branch."""
    number = step.item.handle & 0xFFFF if isinstance(step.item, Class) else 0
    is_active = number == ACTIVE or number & 0xFFF0 == ACTIVE_LEAVES
    return step.old is not None and step.new is not None and is_active
