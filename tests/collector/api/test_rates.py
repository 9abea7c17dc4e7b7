"""Token buckets."""

from __future__ import annotations

import pytest

from collector.api.rates import Rates


def test_buckets_fill_again():
    rates = Rates(2.0)
    assert [rates.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0]
    assert rates.take("a", 0.0) == 0.5
    assert rates.take("b", 0.0) == 0
    assert rates.take("a", 0.6) == 0
    assert rates.limited == 1


def test_a_clock_that_goes_back_fills_nothing():
    rates = Rates(1.0, burst=1)
    assert rates.take("a", 100.0) == 0
    assert rates.take("a", 50.0) == 1.0
    assert rates.take("a", 51.0) == 0


def test_what_did_not_count_is_given_back_and_no_more():
    rates = Rates(1.0, burst=2)
    rates.give_back("stranger")
    assert [rates.take("a", 0.0) for _ in range(2)] == [0, 0]
    rates.give_back("a")
    assert rates.take("a", 0.0) == 0
    assert rates.take("a", 0.0) > 0
    for _ in range(9):
        rates.give_back("a")
    assert [rates.take("a", 0.0) > 0 for _ in range(3)] == [False, False, True]


def test_the_client_seen_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("collector.api.rates.CLIENTS_MAX", 2)
    rates = Rates(1.0, burst=1)
    for client in ("a", "b"):
        rates.take(client, 0.0)
    assert rates.take("b", 0.0) > 0
    assert rates.take("a", 0.0) > 0
    rates.take("c", 0.0)
    assert rates.take("a", 0.0) > 0
    assert rates.take("b", 0.0) == 0


def test_another_rate_holds_from_now_on():
    rates = Rates(1.0, burst=1)
    rates.take("a", 0.0)
    assert rates.take("a", 0.0) == 1.0
    rates.change(4.0, burst=1)
    assert rates.take("a", 0.0) == 0.25
