"""The mix: the flows of any second follow from the seed, its number and the hour alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from lab.simulate.draws import Draws, Whole
from lab.simulate.flows import FLOW, MICROSECOND_NS, SECOND_NS, Array, Second
from lab.simulate.population import KINDS, Type, populate

WORK_HOURS: Final = range(8, 17)
"""From 8:00 to 17:00."""

AT_WORK_OUTSIDE_PERCENT: Final = 10
FIRST_SOURCE_PORT: Final = 49_152
TCP, UDP = 6, 17

_SEED_OF_HOURS, _SEED_OF_FLOWS = 2, 3
_HOUR_S: Final = 3600
_INSIDE_PORTS: Final = (22, 53, 389, 445, 515, 631, 8080, 9100)
"""Services that a site has itself: its servers answer."""

_NETWORKS: Final = ((192, 0, 2), (198, 51, 100), (203, 0, 113))
_HOSTS: Final = 254
_OUTSIDE: Final = len(_NETWORKS) * _HOSTS
_CLOUDS: Final = 2
"""Peers of a thing: its maker's."""

_SMALLEST_MEAN, _LARGEST_MEAN = 400, 1400
"""Bytes a packet, on average, of a flow long enough to have an average."""


class Mix:
    """A site of endpoints that begin flows_per_second flows while all are active.

    An endpoint's flows an hour say how large its part of them is. What falls to one that is
    not active does not happen: at night a site is quieter.
    """

    def __init__(self, seed: int, endpoints: int, flows_per_second: float) -> None:
        self.people = populate(seed, endpoints)
        self._seed = seed
        self._rate = flows_per_second
        self._hour = -1
        self._active = np.zeros(endpoints, bool)
        kinds = [KINDS[number] for number in self.people.types.tolist()]
        self._ports = np.zeros((endpoints, max(len(kind.ports) for kind in KINDS)), "<u2")
        for row, kind in zip(self._ports, kinds, strict=True):
            row[: len(kind.ports)] = kind.ports
        self._port_count = np.array([len(kind.ports) for kind in kinds])
        self._sizes = np.array([kind.bytes_a_flow for kind in kinds])
        self._at_work_only = np.array([kind.at_work_only for kind in kinds])

    def seconds(self, count: int | None, start_ns: int, offset_s: int) -> Iterator[Second]:
        """Yield that many seconds from start_ns on, without end for None.

        offset_s: how far the clock on the wall is ahead of UTC.
        """
        number = 0
        while count is None or number < count:
            yield self.second(number, start_ns + number * SECOND_NS, offset_s)
            number += 1

    def second(self, number: int, start_ns: int, offset_s: int) -> Second:
        """Return the flows of one second."""
        start_ns -= start_ns % MICROSECOND_NS
        active = self.active((start_ns // SECOND_NS + offset_s) // _HOUR_S)
        rate = self._rate
        count = math.floor((number + 1) * rate) - math.floor(number * rate)
        draws = Draws(self._seed, _SEED_OF_FLOWS, number)
        who = draws.weighted(self.people.flows_an_hour, count)
        who = who[active[who]]
        flows = np.zeros(who.size, FLOW)
        flows["source_mac"] = self.people.macs[who]
        flows["source"] = self.people.addresses[who]
        flows["source_port"] = FIRST_SOURCE_PORT + draws.below(
            65_536 - FIRST_SOURCE_PORT, who.size
        )
        ports = self._ports[who, draws.below(self._port_count[who], who.size)]
        flows["destination_port"] = ports
        flows["protocol"] = np.where(ports == 53, UDP, TCP)
        flows["destination"] = self._destinations(who, ports, draws)
        low, high = self._sizes[who].T
        size = draws.between(low, high, who.size)
        flows["bytes"] = size
        mean = draws.between(_SMALLEST_MEAN, _LARGEST_MEAN, who.size)
        flows["packets"] = 1 + size // mean
        since = np.sort(draws.below(SECOND_NS // MICROSECOND_NS, who.size))
        flows["start_ns"] = start_ns + since * MICROSECOND_NS
        return Second(start_ns, flows)

    def active(self, hour: int) -> Array:
        """Return who is active in an hour, counted from 1970 on the wall's clock."""
        if hour != self._hour:
            count = self._at_work_only.size
            late = Draws(self._seed, _SEED_OF_HOURS, hour).below(100, count)
            self._active = late < AT_WORK_OUTSIDE_PERCENT
            self._active |= ~self._at_work_only | (hour % 24 in WORK_HOURS)
            self._hour = hour
        return self._active

    def _destinations(self, who: Whole, ports: Array, draws: Draws) -> Array:
        """Return whom flows go to: a server of the site, or somebody outside."""
        outside = draws.below(_OUTSIDE, who.size)
        is_thing = self.people.types[who] == Type.IOT
        outside = np.where(is_thing, who * _CLOUDS + outside % _CLOUDS, outside) % _OUTSIDE
        found = np.zeros((who.size, 16), np.uint8)
        found[:, 10:12] = 0xFF
        found[:, 12:15] = np.array(_NETWORKS)[outside // _HOSTS]
        found[:, 15] = 1 + outside % _HOSTS
        servers = self.people.servers
        if servers.size:
            place = draws.below(servers.size, who.size)
            chosen = servers[place]
            # A server does not call itself.
            chosen = np.where(chosen == who, servers[(place + 1) % servers.size], chosen)
            inside = np.isin(ports, _INSIDE_PORTS) & (chosen != who)
            found[inside] = self.people.addresses[chosen[inside]]
        return found
