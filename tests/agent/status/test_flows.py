from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.records import FLOW_DELTA
from agent.reports import ClassShare, LaneState, RegulatorState
from agent.status.flows import BadQuery, Query, parse, select
from tests.agent.status.support import NOW_NS, SNAPSHOT


def ids(**fields: str) -> list[str]:
    matched, rows = select(SNAPSHOT, parse(fields))
    assert matched >= len(rows)
    return [row["id"][-1] for row in rows]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "213"),
        ({"limit": "1"}, "2"),
        ({"limit": "2"}, "21"),
        ({"sort": "packets"}, "213"),
        ({"sort": "last_seen", "limit": "1"}, "3"),
        ({"sort": "duration"}, "321"),
        ({"sort": "start", "limit": "2"}, "31"),
        ({"interface": "lan0"}, "23"),
        ({"interface": "gone0"}, ""),
        ({"traffic_type": "voice"}, "2"),
        ({"protocol": "TCP"}, "1"),
        ({"protocol": "17"}, "2"),
        ({"protocol": "255"}, ""),
        ({"port": "443"}, "1"),
        ({"port": "5004"}, "2"),
        ({"address": "10.0.0.5"}, "13"),
        ({"address": "10.0.0.0/8", "port": "443"}, "1"),
        ({"address": "2001:db8::/32"}, "2"),
        ({"address": "0.0.0.0/0"}, "13"),
        ({"address": "::/0"}, "213"),
    ],
)
def test_filters_and_order(fields, expected):
    found = ids(**fields)
    if fields.get("sort") == "start":
        assert set(found) == set(expected)
    else:
        assert "".join(found) == expected


def test_a_row_says_everything():
    (row,) = select(SNAPSHOT, Query(port=443))[1]
    start = (NOW_NS - 35 * 10**9) / 1e9
    assert row == {
        "id": "0000000000000001",
        "interface": "wan0",
        "source_ip": "10.0.0.5",
        "source_port": 50000,
        "destination_ip": "198.51.100.7",
        "destination_port": 443,
        "protocol": "tcp",
        "traffic_type": "web",
        "dscp": 0,
        "vlan": 0,
        "packet_count": 30,
        "byte_count": 21_000,
        "packets": {"forward": 10, "backward": 20},
        "bytes": {"forward": 1000, "backward": 20_000},
        "retransmits": 3,
        "rtt_ms": 12.5,
        "start_time": start,
        "last_seen": start + 4,
        "allocated_bandwidth_mbps": None,
        "ceiling_mbps": None,
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit": "0"}, "limit: must be a whole number between 1 and 10000"),
        ({"limit": "-1"}, "limit: must be a whole number between 1 and 10000"),
        ({"limit": "٣"}, "limit: must be a whole number between 1 and 10000"),
        ({"port": "70000"}, "port: must be a whole number between 0 and 65535"),
        (
            {"sort": "size"},
            "sort: must be one of bytes, packets, start, last_seen, duration",
        ),
        ({"protocol": "quic"}, "protocol: must be a number or one of icmp, tcp, udp,"),
        ({"protocol": "٣"}, "protocol: must be a number or one of icmp, tcp, udp,"),
        ({"traffic_type": "mail"}, "traffic_type: must be one of unknown, voice,"),
        ({"address": "10.0.0"}, "address: must be an address or a range like 10.0.0.0/8"),
        ({"colour": "red"}, "colour: unknown: use limit, sort, interface,"),
    ],
)
def test_bad_queries_are_refused(fields, message):
    with pytest.raises(BadQuery) as refusal:
        parse(fields)
    assert str(refusal.value).startswith(message)


@given(st.dictionaries(st.sampled_from(Query.__slots__), st.text(max_size=12)))
def test_any_query_is_answered_or_refused(fields):
    try:
        query = parse(fields)
    except BadQuery:
        return
    matched, rows = select(SNAPSHOT, query)
    assert len(rows) == min(matched, query.limit)


def test_a_full_map_is_cut_before_it_is_told():
    table = np.zeros(100_000, FLOW_DELTA)
    table["total_bytes"][:, 0] = np.random.default_rng(1).permutation(len(table))
    snapshot = dataclasses.replace(SNAPSHOT, flows=table)
    matched, rows = select(snapshot, Query(limit=10))
    assert matched == len(table)
    assert [row["byte_count"] for row in rows] == list(range(99_999, 99_989, -1))


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (("egress",), (4.0, 18.0)),
        (("ingress",), (7.0, 19.0)),
        (("egress", "ingress"), (4.0, 18.0)),
        ((), (None, None)),
    ],
)
def test_a_flow_is_told_what_its_class_is_allocated(ways, expected):
    """The rate of its class where its interface is shaped; what leaves comes first."""
    shares = {
        "egress": ClassShare(4_000_000, 18_000_000, 20_000_000),
        "ingress": ClassShare(7_000_000, 19_000_000, 20_000_000),
    }
    lanes = tuple(
        LaneState("wan0", way, 1, "settings", 1, shares={"web": shares[way]})
        for way in ways
    )
    snapshot = dataclasses.replace(SNAPSHOT, regulator=RegulatorState("shape", lanes))
    rows = {row["id"][-1]: row for row in select(snapshot, Query())[1]}
    told = rows["1"]
    assert (told["allocated_bandwidth_mbps"], told["ceiling_mbps"]) == expected
    assert rows["2"]["allocated_bandwidth_mbps"] is None
