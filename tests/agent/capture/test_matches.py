"""Matches as rows of the kernel's table: how many, and which cannot be."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from agent.capture.layout import NO_PORT
from agent.capture.matches import BadMatch, Match, compiled

NET4, NET6 = ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")
SIX = tuple((port, port + 9) for port in range(100, 700, 100))


@pytest.mark.parametrize(
    ("match", "ports"),
    [
        pytest.param(Match(1), [((0, NO_PORT), (0, NO_PORT))], id="everything"),
        pytest.param(
            Match(1, ports=((5, 9),)), [((0, NO_PORT), (5, 9))], id="ends alike: one entry"
        ),
        pytest.param(
            Match(1, NET4, ports=((5, 9),)),
            [((0, NO_PORT), (5, 9)), ((5, 9), (0, NO_PORT))],
            id="either end of an address",
        ),
        pytest.param(
            Match(1, source_ports=((1, 2), (4, 4)), destination_ports=((8, 8),)),
            [((1, 2), (8, 8)), ((4, 4), (8, 8))],
            id="both ends",
        ),
    ],
)
def test_entries_of_a_match(match, ports):
    table = compiled([match])[0]
    entries = table["entries"][: table["count"]]
    found = [
        tuple((int(end["low_port"]), int(end["high_port"])) for end in entry["ends"])
        for entry in entries
    ]
    assert found == ports


def test_the_table_holds_64_entries():
    compiled([Match(1, ports=SIX)] * 10 + [Match(1)] * 4)
    with pytest.raises(BadMatch, match="65 entries; at most 64"):
        compiled([Match(1, ports=SIX)] * 10 + [Match(1)] * 5)


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (Match(1, NET4, NET6), "no flow has both"),
        (Match(1, ports=((9, 5),)), "ports 9-5"),
        (Match(1, source_ports=((0, 65536),)), "ports 0-65536"),
        (Match(1, ports=((5, 5),), destination_ports=((5, 5),)), "give one of them"),
        (Match(8), "class 8"),
        (Match(1, dscp=frozenset({64})), "dscp 64"),
        (Match(1, slots=frozenset({64})), "interface 64"),
        (Match(1, limit=64), "limit 64"),
        (Match(1, protocol=256), "protocol 256"),
    ],
)
def test_what_cannot_be(match, said):
    with pytest.raises(BadMatch, match=said):
        compiled([match])
