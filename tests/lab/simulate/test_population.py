from __future__ import annotations

import numpy as np
import pytest

from lab.simulate.population import KINDS, MOST_ENDPOINTS, Type, counts, populate
from wire.items import address_texts


@pytest.mark.parametrize(
    ("endpoints", "found"),
    [
        (100, [60, 15, 10, 15]),
        (50, [30, 8, 5, 7]),
        (20, [12, 3, 2, 3]),
        (1, [1, 0, 0, 0]),
        (3, [2, 1, 0, 0]),
    ],
)
def test_shares_of_the_mix(endpoints: int, found: list[int]) -> None:
    assert counts(endpoints) == found
    assert sum(counts(endpoints)) == endpoints


def test_shares_add_up() -> None:
    assert sum(kind.percent for kind in KINDS) == 100
    assert len(KINDS) == len(Type)
    assert all(sum(counts(endpoints)) == endpoints for endpoints in range(1, 300))


def test_everybody_has_an_address_of_their_own() -> None:
    people = populate(1, MOST_ENDPOINTS)
    assert len(np.unique(people.addresses, axis=0)) == MOST_ENDPOINTS
    assert len(np.unique(people.macs, axis=0)) == MOST_ENDPOINTS
    assert (people.macs[:, 0] & 3 == 2).all(), "locally administered, of one station"
    texts = address_texts(people.addresses)
    assert (texts[0], texts[-1]) == ("10.20.0.10", "10.20.31.73")


def test_rates_are_those_of_the_kind() -> None:
    people = populate(9, 1000)
    for number, kind in enumerate(KINDS):
        rates = people.flows_an_hour[people.types == number]
        low, high = kind.flows_an_hour
        assert low <= rates.min() <= rates.max() <= high
        assert rates.mean() == pytest.approx((low + high) / 2, rel=0.1)
    assert people.servers.tolist() == list(range(600, 750))
    again, other = populate(9, 1000), populate(10, 1000)
    assert (people.flows_an_hour == again.flows_an_hour).all()
    assert (people.flows_an_hour != other.flows_an_hour).any()
