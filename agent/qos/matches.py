"""Match rules of the operator: which flows are of which class, whatever their ports say."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.qos.rules import MAX_MEGABITS, MEGABIT, BadRule
from agent.records import CLASS_NAMES

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ranges = tuple[tuple[int, int], ...]

MOST: Final = 64
"""Match rules at once: a packet that begins a flow is held against each of them."""

NAME_MAX: Final = 64
PROTOCOLS: Final[Mapping[str, int]] = {
    "icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "icmpv6": 58, "sctp": 132,
}  # fmt: skip

PORTED: Final = (6, 17, 132)
"""Protocols that have ports where Weir looks for them."""

KEYS: Final[Mapping[str, tuple[Any, str]]] = {
    "name": ("", "what the rule is called"),
    "traffic_type": ("", "the class of its flows; empty: as without the rule"),
    "source": ("", "addresses of one end, like 192.168.7.0/24; empty: any"),
    "destination": ("", "addresses of the other end, whichever of them began"),
    "ports": ("", "of either end, like 5060-5062,16384; empty: any"),
    "source_ports": ("", "of the end that source is about"),
    "destination_ports": ("", "of the end that destination is about"),
    "protocol": ("", "tcp, udp, sctp, icmp, icmpv6, gre, esp or a number; empty: any"),
    "dscp": ((), "code points of the first packet, like [46, 34]; none: any"),
    "interface": ("", "name or glob of a watched interface; empty: all"),
    "flow_mbps": (0.0, "what each of its flows may take in one direction; 0: no limit"),
}
"""Key -> default, meaning."""


@dataclass(frozen=True, slots=True)
class Match:
    """Flows that are of a class, or limited each. An empty field fits everything."""

    name: str
    traffic_type: str = ""
    source: Network | None = None
    destination: Network | None = None
    ports: Ranges = ()
    source_ports: Ranges = ()
    destination_ports: Ranges = ()
    protocol: int | None = None
    dscp: tuple[int, ...] = ()
    interface: str = ""
    flow_mbps: float = 0.0

    @property
    def flow_bps(self) -> int:
        """What each flow may take, bit/s; 0: no limit."""
        return round(self.flow_mbps * MEGABIT)

    def as_json(self) -> dict[str, Any]:
        """Return the rule as configuration, API and store hold it."""
        names = {number: name for name, number in PROTOCOLS.items()}
        number = self.protocol
        return {
            "name": self.name,
            "traffic_type": self.traffic_type,
            "source": str(self.source or ""),
            "destination": str(self.destination or ""),
            "ports": _text(self.ports),
            "source_ports": _text(self.source_ports),
            "destination_ports": _text(self.destination_ports),
            "protocol": "" if number is None else names.get(number, str(number)),
            "dscp": list(self.dscp),
            "interface": self.interface,
            "flow_mbps": self.flow_mbps,
        }

    def words(self) -> str:
        """Return the rule in one line for people."""
        told = [
            f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in self.as_json().items()
            if value and key not in ("name", "traffic_type", "flow_mbps")
        ]
        does = [self.traffic_type] if self.traffic_type else []
        does += [f"{self.flow_mbps:g} Mbit/s a flow"] if self.flow_mbps else []
        return f"match {self.name}: {' '.join(told) or 'everything'} -> {', '.join(does)}"


def parse(fields: Mapping[str, Any]) -> Match:
    """Return the rule that configuration, API or store wrote. Raises BadRule."""
    name = fields.get("name", "")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise BadRule(
            f"match: name {name!r}: give the rule a name of up to {NAME_MAX} signs"
        )
    unknown = sorted(set(fields) - set(KEYS))
    if unknown:
        raise BadRule(
            f"match {name}: key {unknown[0]!r} is unknown: keys are {', '.join(KEYS)}"
        )
    found = Match(
        name,
        **{
            key: read(name, key, fields[key])
            for key, read in _READ.items()
            if key in fields
        },
    )
    if not found.traffic_type and not found.flow_mbps:
        raise BadRule(f"match {name}: it does nothing: give traffic_type or flow_mbps")
    ends = {one.version for one in (found.source, found.destination) if one is not None}
    if len(ends) > 1:
        raise BadRule(f"match {name}: source and destination are of IPv4 and IPv6: use one")
    if found.ports and (found.source_ports or found.destination_ports):
        raise BadRule(
            f"match {name}: ports is about either end, source_ports and destination_ports "
            "about one: give one kind"
        )
    has_ports = found.ports or found.source_ports or found.destination_ports
    if has_ports and found.protocol not in (None, *PORTED):
        raise BadRule(f"match {name}: only tcp, udp and sctp have ports: drop one of them")
    return found


def parse_all(rules: Iterable[Mapping[str, Any]]) -> tuple[Match, ...]:
    """Return the rules of one list, in order: the first that fits wins. Raises BadRule."""
    found = tuple(parse(fields) for fields in rules)
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise BadRule(f"match {name}: there are two of this name: rename one")
    if len(found) > MOST:
        raise BadRule(f"match: {len(found)} rules: {MOST} are looked through at most")
    return found


def joined(first: Sequence[Match], then: Sequence[Match]) -> tuple[Match, ...]:
    """Return both lists in order; a name of the first hides the same of the second."""
    names = {one.name for one in first}
    return (*first, *(one for one in then if one.name not in names))


def _words_of(name: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRule(f"match {name}: {key} must be text in quotes, not {value!r}")
    return value


def _class(name: str, key: str, value: object) -> str:
    text = _words_of(name, key, value)
    if text not in ("", *CLASS_NAMES):
        choices = ", ".join(CLASS_NAMES)
        raise BadRule(f"match {name}: {key} {text!r} is unknown: choose one of {choices}")
    return text


def _network(name: str, key: str, value: object) -> Network | None:
    text = _words_of(name, key, value)
    try:
        return ipaddress.ip_network(text) if text else None
    except ValueError as error:
        raise BadRule(f"match {name}: {key}: {error}: write 192.168.7.0/24") from None


def _ranges(name: str, key: str, value: object) -> Ranges:
    text = f"{value}" if type(value) is int else _words_of(name, key, value)
    found = []
    for part in text.split(",") if text.strip() else ():
        low, _, high = part.partition("-")
        numbers = [one.strip() for one in (low, high or low)]
        if not all(one.isascii() and one.isdigit() and len(one) < 6 for one in numbers):
            raise BadRule(f"match {name}: {key} {text!r}: write 5060-5062,16384")
        first, last = map(int, numbers)
        if not first <= last <= 65535:
            raise BadRule(
                f"match {name}: {key} {part.strip()}: outside 0-65535 or backward"
            )
        found.append((first, last))
    return tuple(found)


def _protocol(name: str, key: str, value: object) -> int | None:
    text = f"{value}" if type(value) is int else _words_of(name, key, value)
    if not text:
        return None
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if not (text.isascii() and text.isdigit() and int(text) < 256):
        choices = ", ".join(PROTOCOLS)
        raise BadRule(f"match {name}: {key} {text!r}: give {choices} or a number below 256")
    return int(text)


def _code_points(name: str, key: str, value: object) -> tuple[int, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    for one in found:
        if type(one) is not int or not 0 <= one < 64:
            raise BadRule(f"match {name}: {key} {one!r} is outside 0-63")
    return tuple(found)


def _megabits(name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRule(f"match {name}: {key} {value!r} is not a number of Mbit/s")
    if not math.isfinite(value) or not 0 <= value <= MAX_MEGABITS or 0 < value < 0.01:
        raise BadRule(
            f"match {name}: {key} {value:g} is outside 0.01-{MAX_MEGABITS:g} Mbit/s"
        )
    return float(value)


_READ: Final[Mapping[str, Callable[[str, str, object], Any]]] = {
    "traffic_type": _class,
    "source": _network,
    "destination": _network,
    "ports": _ranges,
    "source_ports": _ranges,
    "destination_ports": _ranges,
    "protocol": _protocol,
    "dscp": _code_points,
    "interface": _words_of,
    "flow_mbps": _megabits,
}


def _text(ranges: Ranges) -> str:
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)
