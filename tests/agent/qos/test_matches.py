from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

from agent.qos.matches import MOST, Match, joined, parse, parse_all
from agent.qos.rules import BadRule

PHONES = {
    "name": "phones",
    "traffic_type": "voice",
    "source": "192.168.7.0/24",
    "ports": "5060-5062,16384",
    "protocol": "udp",
    "dscp": [46, 34],
    "interface": "lan*",
}


def test_a_rule_is_read_and_told():
    found = parse(PHONES)
    assert found == Match(
        "phones",
        "voice",
        ip_network("192.168.7.0/24"),
        ports=((5060, 5062), (16384, 16384)),
        protocol=17,
        dscp=(46, 34),
        interface="lan*",
    )
    assert parse(json.loads(json.dumps(found.as_json()))) == found
    assert found.words() == (
        "match phones: source 192.168.7.0/24 ports 5060-5062,16384 protocol udp "
        "dscp 46, 34 interface lan* -> voice"
    )


def test_a_limit_needs_no_class_and_a_number_is_a_port():
    found = parse({"name": "x", "flow_mbps": 2, "source_ports": 80, "protocol": 6})
    assert (found.flow_bps, found.source_ports) == (2_000_000, ((80, 80),))
    assert found.words() == ("match x: source_ports 80 protocol tcp -> 2 Mbit/s a flow")
    assert parse({"name": "all", "traffic_type": "web"}).words() == (
        "match all: everything -> web"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "give the rule a name"),
        ({"name": "two\nlines"}, "give the rule a name"),
        ({"traffic_type": "torrent"}, "traffic_type 'torrent' is unknown: choose one of"),
        ({"traffic_type": ""}, "it does nothing: give traffic_type or flow_mbps"),
        ({"source": "192.168.7.1/24"}, "host bits set: write 192.168.7.0/24"),
        ({"source": 7}, "source must be text in quotes, not 7"),
        ({"destination": "fd00::/8"}, "of IPv4 and IPv6: use one"),
        ({"ports": "70000"}, "ports 70000: outside 0-65535"),
        ({"ports": "9-3"}, "ports 9-3: outside 0-65535 or backward"),
        ({"ports": "http"}, "ports 'http': write 5060-5062,16384"),
        ({"source_ports": "80"}, "ports is about either end, source_ports and"),
        ({"protocol": "ftp"}, "protocol 'ftp': give icmp, tcp"),
        ({"protocol": 256}, "or a number below 256"),
        ({"protocol": "gre"}, "only tcp, udp and sctp have ports"),
        ({"dscp": [64]}, "dscp 64 is outside 0-63"),
        ({"flow_mbps": float("nan")}, "flow_mbps nan is outside"),
        ({"flow_mbps": "2"}, "flow_mbps '2' is not a number"),
        ({"colour": "red"}, "key 'colour' is unknown: keys are name"),
    ],
)
def test_refusals_are_one_line_with_the_name(change, message):
    with pytest.raises(BadRule, match=message) as refused:
        parse(PHONES | change)
    assert "\n" not in str(refused.value)


def test_a_list_is_in_order_bounded_and_without_namesakes():
    with pytest.raises(BadRule, match="match phones: there are two"):
        parse_all([PHONES, PHONES])
    many = [PHONES | {"name": f"{number}"} for number in range(MOST + 1)]
    with pytest.raises(BadRule, match="65 rules: 64 are looked through"):
        parse_all(many)
    given, own = parse_all(many[:2]), parse_all(many[1:3])
    assert [one.name for one in joined(given, own)] == ["0", "1", "2"]
