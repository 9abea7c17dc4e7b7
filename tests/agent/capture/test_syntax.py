"""Filters as trees: what binds how, what the last words mean, and what is no filter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from agent.capture.layout import (
    END_OTHER,
    END_SOURCE,
    TEST_FAMILY,
    TEST_NET,
    TEST_PORT,
    TEST_PROTOCOL,
)
from agent.capture.syntax import (
    DEPTH_MAX,
    TEXT_MAX,
    BadFilter,
    Join,
    Node,
    Not,
    parse,
)

BOTH = END_SOURCE | END_OTHER
ENDS = {END_SOURCE: "src", END_OTHER: "dst", BOTH: "any"}
KINDS = {
    TEST_FAMILY: "family", TEST_NET: "net", TEST_PORT: "port", TEST_PROTOCOL: "protocol"
}  # fmt: skip


def shown(node: Node | None) -> str:
    """A tree as one reads it aloud."""
    if node is None:
        return ""
    if isinstance(node, Join):
        return f"({shown(node.left)} {node.word} {shown(node.right)})"
    if isinstance(node, Not):
        return f"not {shown(node.part)}"
    if node.kind == TEST_PORT:
        return f"{ENDS[node.ends]} port {node.low}-{node.high}"
    if node.kind == TEST_NET:
        return f"{ENDS[node.ends]} net {node.address.hex()[-8:]}/{node.mask.hex()[-8:]}"
    return f"{KINDS[node.kind]} {node.low}"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", ""),
        ("  \t\n", ""),
        ("tcp", "protocol 6"),
        ("ip6", "family 6"),
        ("icmp6", "(family 6 and protocol 58)"),
        ("port 80", "any port 80-80"),
        ("src port 80", "src port 80-80"),
        ("portrange 1-1024", "any port 1-1024"),
        ("tcp port 80", "(protocol 6 and any port 80-80)"),
        ("host 10.0.0.1", "any net 0a000001/ffffffff"),
        ("dst net 10.0.0.0/8", "dst net 0a000000/ff000000"),
        ("src and dst port 53", "(src port 53-53 and dst port 53-53)"),
        ("src or dst port 53", "any port 53-53"),
        ("not tcp", "not protocol 6"),
        ("!tcp", "not protocol 6"),
        ("not not tcp", "not not protocol 6"),
        ("tcp and udp or sctp", "((protocol 6 and protocol 17) or protocol 132)"),
        ("tcp or udp and sctp", "((protocol 6 or protocol 17) and protocol 132)"),
        ("tcp || (udp && sctp)", "(protocol 6 or (protocol 17 and protocol 132))"),
        ("not tcp and udp", "(not protocol 6 and protocol 17)"),
        ("src port 80 or 443", "(src port 80-80 or src port 443-443)"),
    ],
)
def test_trees(text: str, tree: str):
    assert shown(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(tcp", "found the end"),
        ("tcp)", "expected 'and' or 'or', found ')'"),
        ("tcp udp", "expected 'and' or 'or', found 'udp'"),
        ("and tcp", "expected a protocol"),
        ("tcp and", "found the end"),
        ("port", "a value after 'port'"),
        ("src", "host, net, port or portrange"),
        ("80", "expected a protocol"),
        ("port 65536", "within 0-65535"),
        ("portrange 9-8", "low first"),
        ("portrange 9", "two numbers"),
        ("port x", "must be a number"),
        ("port ٣", "must be a number"),
        ("host 10.0.0.0/8", "write net"),
        ("host nosuch", "host nosuch"),
        ("net 10.0.0.1/8", "has host bits set"),
        ("ip6 host 10.0.0.1", "not an IPv6 address"),
        ("tcp host 10.0.0.1", "'and' between a protocol and host"),
        ("tcp & udp", "cannot read"),
        ("x" * (TEXT_MAX + 1), "at most"),
        ("(" * (DEPTH_MAX + 1), "levels"),
        ("not " * (DEPTH_MAX + 1) + "tcp", "levels"),
    ],
)
def test_what_is_no_filter_is_one_line(text: str, reason: str):
    with pytest.raises(BadFilter, match=re.escape(reason)) as failure:
        parse(text)
    assert str(failure.value).startswith("filter: ")
    assert "\n" not in str(failure.value)


WORDS = st.sampled_from(
    ("tcp", "ip6", "not", "and", "or", "(", ")", "src", "dst", "port", "host", "net",
     "portrange", "80", "1-9", "10.0.0.1", "10.0.0.0/8", "::1", "!", "&&", "x")
)  # fmt: skip


def outcome(text: str) -> str:
    """The tree, or the one line that says why there is none."""
    try:
        return shown(parse(text))
    except BadFilter as failure:
        return str(failure)


@given(st.lists(WORDS, max_size=14))
def test_any_words_are_a_tree_or_one_line(words: list[str]):
    assert "\n" not in outcome(" ".join(words))


@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_one_line(text: str):
    found = outcome(text)
    assert bool(text.strip()) == bool(found)
