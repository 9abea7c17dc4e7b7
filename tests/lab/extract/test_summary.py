"""Sums by address and by time, within bounds."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from lab.extract import summary
from lab.extract.identity import ENDS
from lab.extract.summary import ADDRESS_COLUMNS, BUCKET_COLUMNS, Summary
from lab.extract.text import Writer


def add(
    to: Summary, source: str, destination: str, start_us: int, sent: int, back: int
) -> None:
    who = np.zeros(1, ENDS)
    for name, text in (("source", source), ("destination", destination)):
        who[name] = np.frombuffer(ip_address(f"::ffff:{text}").packed, "u1")
    packets = np.array([[sent, back]])
    to.add(who, np.array([start_us]), packets, packets * 100)


def lines(rows: list) -> list[str]:
    return b"".join(Writer().lines([cells for _, cells in rows])).decode().splitlines()


def test_each_address_has_what_it_sent_and_received():
    found = Summary(None)
    add(found, "10.0.0.1", "10.0.0.2", 0, 3, 1)
    add(found, "10.0.0.1", "10.0.0.3", 0, 1, 0)
    add(found, "10.0.0.3", "10.0.0.1", 0, 5, 2)
    assert [name for name, _ in found.addresses()] == list(ADDRESS_COLUMNS)
    assert lines(found.addresses()) == [
        "10.0.0.1,2,1,6,6,600,600,3,12,1200",
        "10.0.0.2,0,1,1,3,100,300,1,4,400",
        "10.0.0.3,1,1,5,3,500,300,2,8,800",
    ]


def test_a_host_that_talks_to_itself_counts_both_sides():
    found = Summary(None)
    add(found, "10.0.0.1", "10.0.0.1", 0, 3, 1)
    assert lines(found.addresses()) == ["10.0.0.1,1,1,4,4,400,400,2,8,800"]


def test_buckets_begin_at_multiples_and_empty_ones_are_left_out():
    found = Summary(1000)
    for start_us in (0, 999, 1000, 5500):
        add(found, "10.0.0.1", "10.0.0.2", start_us, 1, 1)
    assert [name for name, _ in found.buckets()] == list(BUCKET_COLUMNS)
    assert lines(found.buckets()) == [
        "0,1000,2,4,400", "1000,2000,1,2,200", "5000,6000,1,2,200"
    ]  # fmt: skip


def test_nothing_added_is_nothing_said():
    found = Summary(1000)
    assert (lines(found.addresses()), lines(found.buckets())) == ([], [])


@pytest.mark.parametrize("pending", [1, 3, 10_000])
def test_when_sums_are_merged_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, pending: int
):
    monkeypatch.setattr(summary, "PENDING_ROWS", pending)
    found = Summary(None)
    for number in range(20):
        add(found, f"10.0.0.{number % 3}", "10.0.0.9", 0, number, 1)
    assert lines(found.addresses())[-1] == "10.0.0.9,0,20,20,190,2000,19000,20,210,21000"


def test_beyond_the_bound_addresses_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(summary, "ADDRESSES_LIMIT", 4)
    found = Summary(None)
    for number in range(10):
        add(found, f"10.0.0.{number}", "10.0.0.0", 0, 1, 1)
    assert len(lines(found.addresses())) == 4
    assert found._addresses.left_out == 6
