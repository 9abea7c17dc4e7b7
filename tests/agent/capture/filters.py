"""Random filters, each with what it means: text and predicate grow side by side."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.support.frames import Expected

Meaning = Callable[[Expected], bool]
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


@dataclass(frozen=True)
class Written:
    text: str
    means: Meaning


def _ends(word: str, source: bool, destination: bool) -> bool:
    return {
        "": source or destination,
        "src": source,
        "dst": destination,
        "src or dst": source or destination,
        "src and dst": source and destination,
    }[word]


WORDS = st.sampled_from(["", "src", "dst", "src or dst", "src and dst"])


@st.composite
def _port(draw: st.DrawFn) -> Written:
    protocol = draw(st.sampled_from(["", *PROTOCOLS]))
    word = draw(WORDS)
    low = draw(st.sampled_from([53, 80, 443, 5004, 1, 1024, 40000]))
    high = draw(st.sampled_from([low, low, low + 1000, 65535]))
    value = f"port {low}" if high == low else f"portrange {low}-{high}"

    def means(p: Expected) -> bool:
        if p.fragment == "later" or p.protocol not in (6, 17, 132):
            return False
        if protocol and p.protocol != PROTOCOLS[protocol]:
            return False
        return _ends(word, low <= p.source_port <= high, low <= p.destination_port <= high)

    return Written(" ".join(filter(None, (protocol, word, value))), means)


@st.composite
def _net(draw: st.DrawFn, known: list[bytes]) -> Written:
    word = draw(WORDS)
    address = ipaddress.ip_address(draw(st.sampled_from(known)))
    length = draw(st.integers(0, address.max_prefixlen))
    net = ipaddress.ip_network((address, length), strict=False)
    value = f"host {address}" if draw(st.booleans()) else f"net {net}"
    wanted = ipaddress.ip_network(address) if value.startswith("host") else net

    def means(p: Expected) -> bool:
        inside = [ipaddress.ip_address(end) in wanted for end in (p.source, p.destination)]
        return _ends(word, *inside)

    return Written(" ".join(filter(None, (word, value))), means)


PLAIN = st.sampled_from(
    [
        Written("ip", lambda p: p.family == 4),
        Written("ip6", lambda p: p.family == 6),
        Written("tcp", lambda p: p.protocol == 6),
        Written("udp", lambda p: p.protocol == 17),
        Written("sctp", lambda p: p.protocol == 132),
        Written("icmp", lambda p: p.family == 4 and p.protocol == 1),
        Written("icmp6", lambda p: p.family == 6 and p.protocol == 58),
    ]
)


def _negated(part: Written, sign: str) -> Written:
    return Written(f"{sign} ({part.text})", lambda p: not part.means(p))


def _chained(parts: list[Written], words: list[str]) -> Written:
    """a or b and c, from left to right."""
    text, means = f"({parts[0].text})", parts[0].means
    for part, word in zip(parts[1:], words, strict=False):
        text += f" {word} ({part.text})"
        means = _both(means, part.means, word in ("and", "&&"))
    return Written(text, means)


def _both(left: Meaning, right: Meaning, is_and: bool) -> Meaning:
    if is_and:
        return lambda p: left(p) and right(p)
    return lambda p: left(p) or right(p)


def written(known: list[bytes]) -> st.SearchStrategy[Written]:
    """Filters over addresses that the packets have."""
    leaf = st.one_of(PLAIN, _port(), _net(known))
    joins = st.lists(st.sampled_from(["and", "or", "&&", "||"]), min_size=3, max_size=3)
    return st.recursive(
        leaf,
        lambda part: st.one_of(
            st.builds(_negated, part, st.sampled_from(["not", "!"])),
            st.builds(_chained, st.lists(part, min_size=2, max_size=4), joins),
        ),
        max_leaves=12,
    )
