"""What the compiled chain says of packets, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject

from agent.capture import layout
from agent.capture.filter import compiled
from agent.capture.syntax import BadFilter
from tests.agent.capture.filters import Written, written
from tests.support.frames import Expected
from tests.support.mix import mixed

PACKETS = [told for _, told in mixed(11, 400, flows=60, broken=False)]
PACKETS = [told for told in PACKETS if told.outcome == "flow"]
KNOWN = sorted({end for told in PACKETS for end in (told.source, told.destination)})


def takes(chain: np.void, packet: Expected) -> bool:
    """The chain of bpf/filter.h, by the book."""
    if not chain["count"]:
        return True
    at, visited = 0, -1
    while at < layout.FILTER_TAKE:
        assert visited < at < chain["count"]  # forward only
        visited, row = at, chain["tests"][at]
        at = int(row["yes"] if passes(row, packet) else row["no"])
    return at == layout.FILTER_TAKE


def passes(row: np.void, packet: Expected) -> bool:
    ends = [bool(row["ends"] & bit) for bit in (layout.END_SOURCE, layout.END_OTHER)]
    match int(row["kind"]):
        case layout.TEST_FAMILY:
            return packet.family == row["low"]
        case layout.TEST_PROTOCOL:
            return packet.protocol == row["low"]
        case layout.TEST_PORT:
            if packet.fragment == "later" or packet.protocol not in (6, 17, 132):
                return False
            ports = packet.source_port, packet.destination_port
            found = [row["low"] <= port <= row["high"] for port in ports]
        case _:
            if packet.family != row["low"]:
                return False
            found = [_inside(row, packet.end(source)[0]) for source in (True, False)]
    return any(asked and there for asked, there in zip(ends, found, strict=True))


def _inside(row: np.void, address: bytes) -> bool:
    masked = np.frombuffer(address, np.uint8) & row["mask"]
    return bool((masked == row["address"]).all())


@given(written(KNOWN))
def test_the_chain_means_what_the_text_means(filter_: Written) -> None:
    assume(len(filter_.text) <= 1024)
    try:
        chain: Any = compiled(filter_.text)[0]
    except BadFilter:
        reject()  # more tests than there is room for
    assert [takes(chain, p) for p in PACKETS] == [filter_.means(p) for p in PACKETS]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("tcp port 80 or 443", "(tcp and port 80) or (tcp and port 443)"),
        ("host 10.0.0.1 or 10.0.0.2", "host 10.0.0.1 or host 10.0.0.2"),
        ("tcp or udp and ip6", "(tcp or udp) and ip6"),
        ("not tcp and udp", "(not tcp) and udp"),
        ("ip host 10.0.0.1", "host 10.0.0.1"),
        ("  udp   port 53 ", "udp port 53"),
    ],
)
def test_two_ways_of_saying_it(text: str, same: str) -> None:
    ways = [compiled(text)[0], compiled(same)[0]]
    assert [takes(ways[0], p) for p in PACKETS] == [takes(ways[1], p) for p in PACKETS]


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_takes_everything(text: str) -> None:
    assert int(compiled(text)["count"][0]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tcp port", "a value after 'port'"),
        ("tcp port http", "port http: must be a number"),
        ("port 70000", "port 70000: must be within 0-65535"),
        ("portrange 5", "portrange 5: must be two numbers"),
        ("portrange 9-5", "low first"),
        ("host 10.0.0.256", "host 10.0.0.256"),
        ("net 10.0.0.1/8", "net 10.0.0.1/8: 10.0.0.1/8 has host bits set"),
        ("host 10.0.0.0/8", "write net 10.0.0.0/8"),
        ("ip6 host 10.0.0.1", "not an IPv6 address"),
        ("tcp host 10.0.0.1", "expected 'and' between a protocol and host"),
        ("src 10.0.0.1", "expected host, net, port or portrange"),
        ("tcp udp", "expected 'and' or 'or', found 'udp'"),
        ("tcp and", "found the end"),
        ("(tcp", "expected ')', found the end"),
        ("tcp)", "expected 'and' or 'or', found ')'"),
        ("len > 100", "expected a protocol"),
        ("80", "expected a protocol"),
        ("tcp & udp", "cannot read '& udp'"),
        ("(" * 40 + "tcp" + ")" * 40, "levels of parentheses"),
        ("x" * 1025, "1025 characters; at most 1024"),
        (" or ".join(f"port {n}" for n in range(40)), "40 tests; at most 32"),
    ],
)
def test_a_bad_filter_is_one_line_that_says_what(text: str, words: str) -> None:
    with pytest.raises(BadFilter) as error:
        compiled(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("filter: ")
