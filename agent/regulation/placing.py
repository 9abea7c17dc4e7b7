"""Operator's match rules on their way into the kernel, and living flows after them."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_network
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from agent.capture import matches as tables
from agent.capture.layout import DROP, LIMIT, LIMITS
from agent.qos.matches import PORTED, Match
from agent.qos.section import Settings
from agent.records import CLASS_NAMES, Interface
from agent.regulation.lanes import lanes

Array = npt.NDArray[Any]

BURST_NS: Final = 100_000_000
BURST_BYTES: Final = 65_536
"""A flow may save up either, whichever is more: TCP collapses with less."""

_SECOND_NS: Final = 1_000_000_000


class Kernel(Protocol):
    """Where packet programs look (agent.capture.loader.kernel)."""

    def set_matches(self, table: Array) -> None:
        """Write the table that flows are held against when they begin."""

    def set_limit(self, number: int, limit: Array) -> None:
        """Say what each flow of a number may take."""

    def reclassify(self, rows: Array) -> None:
        """Have living flows follow the table."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Which flow is meant."""

    id: int
    interface: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: int

    @classmethod
    def of(cls, flow: Any, interface: str) -> Ends:
        """Return the ends of a row of records.FLOW_DELTA."""
        addresses = [IPv6Address(flow[end].tobytes()) for end in ("source", "destination")]
        source, destination = (str(one.ipv4_mapped or one) for one in addresses)
        ports = (int(flow["source_port"]), int(flow["destination_port"]))
        return cls(
            int(flow["id"]), interface, source, destination, *ports, int(flow["protocol"])
        )

    def as_match(self, traffic_type: str) -> Match:
        """Return the rule that fits this flow and no other."""
        has_ports = self.protocol in PORTED
        return Match(
            f"flow {self.id:016x}",
            traffic_type,
            ip_network(self.source),
            ip_network(self.destination),
            source_ports=((self.source_port,) * 2,) if has_ports else (),
            destination_ports=((self.destination_port,) * 2,) if has_ports else (),
            protocol=self.protocol,
            interface=self.interface,
        )


@dataclass(slots=True)
class Placement:
    """What is in the kernel, and what ought to be. One thread at a time calls `step`."""

    rules: tuple[Match, ...] = ()
    flows: dict[int, Match] = field(default_factory=dict)  # placed one by one, by flow id
    _limits: dict[int, int] = field(default_factory=dict)  # bit/s -> number
    _written: object = None  # what the table was made from
    _since_ns: int | None = None  # the last walk before the table; None: nothing to follow
    _walked_ns: int = 0  # the last walk that flows were held against
    _placing: threading.Lock = field(default_factory=threading.Lock)  # of `flows`

    def check(self, rules: Sequence[Match]) -> None:
        """Raise capture.matches.BadMatch where these rules cannot be."""
        rates = {one.flow_bps for one in rules if one.flow_bps}
        if len(rates) >= LIMITS:
            raise tables.BadMatch(
                f"qos.match: {len(rates)} different flow_mbps; at most {LIMITS - 1}: "
                "give some rules the same"
            )
        compiled(rules, (), {})

    def take(self, rules: Sequence[Match]) -> None:
        """Have these rules from the next step on. Raises capture.matches.BadMatch."""
        self.check(rules)
        with self._placing:
            self.rules = tuple(rules)
            # Rules have their place before flows do; those placed first go first.
            while self.flows and not _fits((*self.flows.values(), *self.rules)):
                self.flows = dict(list(self.flows.items())[1:])

    def place(self, flow: int, match: Match) -> bool:
        """Put one flow into a class until it ends; False: there is no room for more."""
        with self._placing:
            wanted = {**self.flows, flow: match}
            if not _fits((*wanted.values(), *self.rules)):
                return False
            self.flows = wanted
            return True

    def release(self, flow: int) -> None:
        """Let a flow be what the rules say."""
        with self._placing:
            self.flows = {one: it for one, it in self.flows.items() if one != flow}

    @property
    def limits(self) -> int:
        """How many limits of single flows are in force."""
        return len(self._limits)

    def step(
        self, kernel: Kernel, interfaces: Iterable[Interface], walked_ns: int, live: Array
    ) -> bool:
        """Carry out what has changed; tell whether a walk is wanted soon.

        walked_ns, live: the last walk's time and its rows.
        """
        slots = {item.slot: item.name for item in interfaces}
        # Walks are told apart, not put in order: a clock may be set back.
        if self._since_ns is not None and walked_ns != self._since_ns:
            kernel.reclassify(live)
            self._since_ns = None
        if walked_ns != self._walked_ns:
            self._walked_ns = walked_ns
            self._forget_ended(live)
        with self._placing:
            rules, flows = self.rules, self.flows
        made_from = (rules, tuple(flows.items()), slots)
        if made_from != self._written:
            self._write(kernel, (*flows.values(), *rules), slots)
            self._written, self._since_ns = made_from, walked_ns
        return self._since_ns is not None

    def _forget_ended(self, live: Array) -> None:
        with self._placing:
            if not self.flows:
                return
            placed = np.fromiter(self.flows, np.uint64, len(self.flows))
            # Many in few: the other way round would sort all that live.
            alive = set(live["id"][np.isin(live["id"], placed)].tolist())
            self.flows = {one: it for one, it in self.flows.items() if one in alive}

    def _write(
        self, kernel: Kernel, wanted: Sequence[Match], slots: dict[int, str]
    ) -> None:
        rates = {one.flow_bps for one in wanted if one.flow_bps}
        kept = {rate: number for rate, number in self._limits.items() if rate in rates}
        free = (one for one in range(1, LIMITS) if one not in kept.values())
        self._limits = kept | {rate: next(free) for rate in sorted(rates - kept.keys())}
        if self._written is None:
            # The map outlives agents: another one's numbers mean nothing here.
            for number in range(1, LIMITS):
                kernel.set_limit(number, np.zeros(1, LIMIT))
        for rate, number in self._limits.items():
            kernel.set_limit(number, limit_of(rate))
        kernel.set_matches(compiled(wanted, slots.items(), self._limits))


def check(settings: Settings, speeds_bps: Mapping[str, int]) -> None:
    """Raise ValueError, one line, where rules and match rules cannot be carried out."""
    Placement().check(settings.matches)
    for one in settings.interfaces:
        speed = speeds_bps.get(one.name, 0)
        if speed or None not in (one.egress_bps, one.ingress_bps):
            lanes(settings, one, speed)


def compiled(
    rules: Iterable[Match], slots: Iterable[tuple[int, str]], limits: dict[int, int]
) -> Array:
    """Return the kernel's table. slots: number, name. Raises capture.matches.BadMatch."""
    watched = tuple(slots)
    return tables.compiled(
        tables.Match(
            class_number=CLASS_NAMES.index(one.traffic_type) if one.traffic_type else None,
            source=one.source,
            destination=one.destination,
            ports=one.ports,
            source_ports=one.source_ports,
            destination_ports=one.destination_ports,
            protocol=one.protocol,
            dscp=frozenset(one.dscp),
            slots=_slots(one.interface, watched),
            limit=limits.get(one.flow_bps, 0),
        )
        for one in rules
    )


def _fits(rules: Iterable[Match]) -> bool:
    try:
        compiled(rules, (), {})
    except tables.BadMatch:
        return False
    return True


def limit_of(rate_bps: int) -> Array:
    """Return what one flow may take: layout.LIMIT (1,)."""
    limit = np.zeros(1, LIMIT)
    octets_s = max(rate_bps // 8, 1)
    limit["rate_bytes_s"] = octets_s
    limit["burst_ns"] = max(BURST_NS, BURST_BYTES * _SECOND_NS // octets_s)
    limit["excess"] = DROP
    return limit


def _slots(pattern: str, watched: Iterable[tuple[int, str]]) -> frozenset[int] | None:
    if not pattern:
        return None
    return frozenset(slot for slot, name in watched if fnmatch.fnmatchcase(name, pattern))
