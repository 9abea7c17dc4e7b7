"""Who is there: the kinds of endpoints, and as many of each as a site has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from lab.simulate.draws import Draws
from lab.simulate.flows import Array

MOST_ENDPOINTS: Final = 8000
"""An agent reports 8,191 at once."""

_SEED_OF: Final = 1
"""Sets these draws apart from the others of the same seed."""


class Type(IntEnum):
    """What an endpoint is; the index into KINDS."""

    WORKSTATION = 0
    SERVER = 1
    PRINTER = 2
    IOT = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the mix."""

    percent: int  # of the endpoints
    ports: tuple[int, ...]
    flows_an_hour: tuple[int, int]
    bytes_a_flow: tuple[int, int]
    at_work_only: bool


KINDS: Final = (
    Kind(60, (80, 443, 53, 389, 445), (50, 200), (500, 50_000), True),
    Kind(15, (22, 443, 80, 8080), (500, 2_000), (1_000, 500_000), False),
    Kind(10, (9100, 631, 515), (5, 20), (1_000, 100_000), True),
    Kind(15, (443, 80, 8883, 1883), (10, 50), (100, 5_000), False),
)
"""By Type."""

_MAC_PREFIX: Final = (0x02, 0x57, 0x45, 0x49)  # locally administered
_NETWORK: Final = (10, 20)
_FIRST_HOST: Final = 10
"""The first addresses of a network are its routers' and resolvers'."""


@dataclass(frozen=True, slots=True)
class Population:
    """The endpoints of a site; arrays of equal length."""

    types: Array  # Type
    macs: Array  # (n, 6)
    addresses: Array  # (n, 16), mapped
    flows_an_hour: Array  # int64

    @property
    def servers(self) -> Array:
        """Return which of the endpoints are servers."""
        return np.flatnonzero(self.types == Type.SERVER)


def populate(seed: int, endpoints: int) -> Population:
    """Return the endpoints of a seed: the kinds' shares, rounded to whole endpoints."""
    types = np.repeat(np.arange(len(KINDS)), counts(endpoints))
    place = np.arange(endpoints)
    macs = np.zeros((endpoints, 6), np.uint8)
    macs[:, :4] = _MAC_PREFIX
    macs[:, 4], macs[:, 5] = place >> 8, place & 0xFF
    addresses = np.zeros((endpoints, 16), np.uint8)
    host = place + _FIRST_HOST
    addresses[:, 10:12], addresses[:, 12:14] = 0xFF, _NETWORK
    addresses[:, 14], addresses[:, 15] = host >> 8, host & 0xFF
    low, high = np.array([kind.flows_an_hour for kind in KINDS])[types].T
    rates = Draws(seed, _SEED_OF).between(low, high, endpoints)
    return Population(types, macs, addresses, rates)


def counts(endpoints: int) -> list[int]:
    """Return how many of each kind there are; what does not divide goes by remainder."""
    exact = [endpoints * kind.percent for kind in KINDS]
    whole = [value // 100 for value in exact]
    left = endpoints - sum(whole)
    by_remainder = sorted(range(len(KINDS)), key=lambda at: -(exact[at] % 100))
    for at in by_remainder[:left]:
        whole[at] += 1
    return whole
