"""The operator's capture filter, a part of pcap's syntax: text to a tree of tests.

    tcp port 80 or (udp and net 10.0.0.0/8) and not host 192.0.2.1

Primitives are ip, ip6, tcp, udp, icmp, icmp6, sctp; host ADDRESS, net ADDRESS/LENGTH,
port N and portrange N-M, each after an optional ip, ip6, tcp, udp or sctp and an optional
src, dst, `src or dst` or `src and dst`. They are joined by not, and, or (!, &&, ||) and
parentheses. As in pcap, `and` and `or` bind alike, from left to right, and an address or
port without a word before it is read with the words of the one before. Tags and tunnels
are looked past.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from agent.capture.layout import (
    END_OTHER,
    END_SOURCE,
    TEST_FAMILY,
    TEST_NET,
    TEST_PORT,
    TEST_PROTOCOL,
)

TEXT_MAX: Final = 1024
DEPTH_MAX: Final = 32
"""Parentheses and nots within each other: deeper text is a mistake, not a filter."""

_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "sctp": 132}
_ICMP: Final = {"icmp": (4, 1), "icmp6": (6, 58)}
_FAMILIES: Final = {"ip": 4, "ip6": 6}
_KINDS: Final = ("host", "net", "port", "portrange")
_BOTH: Final = END_SOURCE | END_OTHER
_JOINS: Final = {"and": "and", "&&": "and", "or": "or", "||": "or"}
_TOKEN: Final = re.compile(r"\s*(\(|\)|&&|\|\||!|[^\s()!&|]+)")


class BadFilter(ValueError):
    """What is wrong with a filter, in one line."""


@dataclass(frozen=True, slots=True)
class Test:
    """One question about a packet."""

    kind: int
    low: int
    high: int = 0
    ends: int = _BOTH
    address: bytes = bytes(16)
    mask: bytes = bytes(16)


@dataclass(frozen=True, slots=True)
class Not:
    """True where its part is false."""

    part: Node


@dataclass(frozen=True, slots=True)
class Join:
    """`and` or `or` of two parts."""

    word: str
    left: Node
    right: Node


Node = Test | Not | Join


@dataclass(frozen=True, slots=True)
class _Words:
    """What stands before an address or a port."""

    family: int = 0
    protocol: int = 0
    ends: str = "or"
    kind: str = ""


@dataclass(slots=True)
class _Reader:
    tokens: list[str]
    at: int = 0
    depth: int = 0
    last: _Words = field(default_factory=_Words)

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def refuse(self, wanted: str) -> NoReturn:
        found = f"'{self.peek()}'" if self.peek() else "the end"
        raise BadFilter(f"filter: expected {wanted}, found {found}; see docs/capture.md")

    def expression(self) -> Node:
        left = self.term()
        while self.peek() in _JOINS:
            word = _JOINS[self.take()]
            left = Join(word, left, self.term())
        return left

    def term(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise BadFilter(f"filter: more than {DEPTH_MAX} levels of parentheses and not")
        node = self._term()
        self.depth -= 1
        return node

    def _term(self) -> Node:
        if self.peek() in ("not", "!"):
            self.take()
            return Not(self.term())
        if self.peek() == "(":
            self.take()
            node = self.expression()
            if self.take() != ")":
                self.at -= 1
                self.refuse("')'")
            return node
        return self.primitive()

    def primitive(self) -> Node:
        if self.peek() in _ICMP:
            family, protocol = _ICMP[self.take()]
            return _joined(
                "and", [Test(TEST_FAMILY, family), Test(TEST_PROTOCOL, protocol)]
            )
        words = self._words()
        if words.kind:
            self.last = words
            return self._value(words)
        found = [Test(TEST_FAMILY, words.family)] if words.family else []
        found += [Test(TEST_PROTOCOL, words.protocol)] if words.protocol else []
        if found:
            return _joined("and", list(found))
        if self.peek()[:1].isalnum() and self.last.kind:
            return self._value(self.last)
        return self.refuse("a protocol, host, net, port, portrange, 'not' or '('")

    def _words(self) -> _Words:
        start = self.at
        family = _FAMILIES.get(self.peek(), 0)
        protocol = 0 if family else _PROTOCOLS.get(self.peek(), 0)
        if family or protocol:
            self.take()
        ends = self._ends()
        kind = self.peek() if self.peek() in _KINDS else ""
        if kind:
            self.take()
        elif ends:
            self.refuse("host, net, port or portrange")
        if kind in ("host", "net") and protocol:
            self.at = start
            self.refuse(f"'and' between a protocol and {kind}")
        return _Words(family, protocol, ends or "or", kind)

    def _ends(self) -> str:
        """'src', 'dst', 'or', 'and', or '' where nothing is said."""
        word = self.peek()
        if word not in ("src", "dst"):
            return ""
        self.take()
        joined = _JOINS.get(self.peek(), "")
        if joined and self.peek(1) in ("src", "dst") and self.peek(1) != word:
            self.at += 2
            return joined
        return word

    def _value(self, words: _Words) -> Node:
        text = self.take()
        if not text:
            self.refuse(f"a value after '{words.kind}'")
        test = (_net if words.kind in ("host", "net") else _ports)(text, words)
        ends = {"src": [END_SOURCE], "dst": [END_OTHER], "or": [_BOTH]}.get(
            words.ends, [END_SOURCE, END_OTHER]
        )
        parts: list[Node] = [
            Test(test.kind, test.low, test.high, end, test.address, test.mask)
            for end in ends
        ]
        if test.kind == TEST_PORT and words.family:
            parts.insert(0, Test(TEST_FAMILY, words.family))
        if words.protocol:
            parts.insert(0, Test(TEST_PROTOCOL, words.protocol))
        return _joined("and", parts)


def _joined(word: str, parts: list[Node] | list[Test]) -> Node:
    node: Node = parts[0]
    for part in parts[1:]:
        node = Join(word, node, part)
    return node


def _net(text: str, words: _Words) -> Test:
    if words.kind == "host" and "/" in text:
        raise BadFilter(f"filter: host {text}: a network; write net {text}")
    try:
        net = ipaddress.ip_network(text)
    except ValueError as error:
        raise BadFilter(f"filter: {words.kind} {text}: {error}") from error
    if words.family not in (0, net.version):
        raise BadFilter(f"filter: {words.kind} {text}: not an IPv{words.family} address")
    address, mask = net.network_address.packed, net.netmask.packed
    if net.version == 4:
        address = bytes(10) + b"\xff\xff" + address
        mask = b"\xff" * 12 + mask
    return Test(TEST_NET, net.version, address=address, mask=mask)


def _ports(text: str, words: _Words) -> Test:
    pattern = r"(\d+)-(\d+)" if words.kind == "portrange" else r"(\d+)"
    found = re.fullmatch(pattern, text, re.ASCII)
    if found is None:
        form = "two numbers, 1-1024" if words.kind == "portrange" else "a number"
        raise BadFilter(f"filter: {words.kind} {text}: must be {form}")
    low, high = int(found[1]), int(found[found.lastindex or 1])
    if not low <= high <= 65535:
        raise BadFilter(f"filter: {words.kind} {text}: must be within 0-65535, low first")
    return Test(TEST_PORT, low, high)


def parse(text: str) -> Node | None:
    """The filter as a tree, None where the text is blank. Raises BadFilter."""
    if len(text) > TEXT_MAX:
        raise BadFilter(f"filter: {len(text)} characters; at most {TEXT_MAX}")
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadFilter(f"filter: cannot read '{text[at : at + 10].strip()}'")
        tokens.append(found[1])
        at = found.end()
    if not tokens:
        return None
    reader = _Reader(tokens)
    node = reader.expression()
    if reader.peek():
        reader.refuse("'and' or 'or'")
    return node
