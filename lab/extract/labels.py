"""The Label column: one text for every flow, or rules over 5-tuples and time windows."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tomli

from wire.features import DEFAULT_LABEL

Flows = npt.NDArray[np.void]
Mask = npt.NDArray[np.bool]

RULES_LIMIT: Final = 10_000
PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}


class BadRules(Exception):
    """The rules file says something that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a flow must match; None matches all. Times are unix ns, of the flow's start."""

    label: str
    source: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    destination: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    source_port: int | None = None
    destination_port: int | None = None
    protocol: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    either_direction: bool = True
    attempted: str | None = None  # the label instead, where the source sent no payload


def _inside(
    addresses: npt.NDArray[np.uint8],
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
) -> Mask:
    if network is None:
        return np.ones(len(addresses), bool)
    mapped = network.version == 4
    base = (b"\0" * 10 + b"\xff\xff" if mapped else b"") + network.network_address.packed
    mask = (b"\xff" * 12 if mapped else b"") + network.netmask.packed
    wanted, bits = np.frombuffer(base, np.uint8), np.frombuffer(mask, np.uint8)
    return np.asarray(((addresses & bits) == wanted).all(axis=1))


def _one_way(rule: Rule, who: npt.NDArray[np.void], ends: tuple[str, str]) -> Mask:
    here, there = ends
    mask = _inside(who[here], rule.source) & _inside(who[there], rule.destination)
    if rule.source_port is not None:
        mask &= who[f"{here}_port"] == rule.source_port
    if rule.destination_port is not None:
        mask &= who[f"{there}_port"] == rule.destination_port
    return mask


def matches(
    rule: Rule, who: npt.NDArray[np.void], started_ns: npt.NDArray[np.int64]
) -> Mask:
    """Which flows the rule names."""
    mask = _one_way(rule, who, ("source", "destination"))
    if rule.either_direction:
        mask |= _one_way(rule, who, ("destination", "source"))
    if rule.protocol is not None:
        mask &= who["protocol"] == rule.protocol
    if rule.start_ns is not None:
        mask &= started_ns >= rule.start_ns
    if rule.end_ns is not None:
        mask &= started_ns < rule.end_ns
    return mask


def _started_ns(flows: Flows) -> npt.NDArray[np.int64]:
    names = flows.dtype.names or ()
    if "record" in names:
        return np.asarray(flows["record"]["first_ns"].astype(np.int64))
    return np.asarray(flows["start_us"] * 1000)


def _payload_sent(flows: Flows) -> npt.NDArray[np.uint64]:
    names = flows.dtype.names or ()
    if "record" in names:
        return np.asarray(flows["record"]["direction"]["payload_bytes"][:, 0])
    return np.asarray(flows["payload_bytes"][:, 0])


class Labels:
    """Rules in order, the first that matches wins; the default where none does."""

    def __init__(self, default: str = DEFAULT_LABEL, rules: tuple[Rule, ...] = ()) -> None:
        self._rules = rules
        names = [default]
        names += [rule.label for rule in rules]
        names += [rule.attempted for rule in rules if rule.attempted is not None]
        self.texts: tuple[str, ...] = tuple(dict.fromkeys(names))

    def indices(self, who: npt.NDArray[np.void], flows: Flows) -> npt.NDArray[np.int64]:
        """For each flow, which of texts is its label."""
        out = np.zeros(len(flows), np.int64)
        free = np.ones(len(flows), bool)
        started, sent = _started_ns(flows), _payload_sent(flows)
        for rule in self._rules:
            mask = free & matches(rule, who, started)
            out[mask] = self.texts.index(rule.label)
            if rule.attempted is not None:
                out[mask & (sent == 0)] = self.texts.index(rule.attempted)
            free &= ~mask
        return out


def _time_ns(value: object) -> int:
    if isinstance(value, datetime):
        when = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(when.timestamp()) * 1_000_000_000 + when.microsecond * 1000
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value * 1_000_000_000)
    raise ValueError("must be a date and time, or unix seconds")


def _port(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535:
        return value
    raise ValueError("must be a port, 0 to 65535")


def _protocol(value: object) -> int:
    if isinstance(value, str) and value.lower() in PROTOCOLS:
        return PROTOCOLS[value.lower()]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return value
    raise ValueError(f"must be a number or one of {', '.join(PROTOCOLS)}")


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("must be a text")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


_READERS: Final = {
    "label": ("label", _text),
    "source": ("source", lambda value: ipaddress.ip_network(_text(value), strict=False)),
    "destination": ("destination", lambda value: ipaddress.ip_network(_text(value), False)),
    "source_port": ("source_port", _port),
    "destination_port": ("destination_port", _port),
    "protocol": ("protocol", _protocol),
    "start": ("start_ns", _time_ns),
    "end": ("end_ns", _time_ns),
    "either_direction": ("either_direction", _switch),
    "attempted": ("attempted", _text),
}


def _rule(path: Path, number: int, raw: Any) -> Rule:
    values: dict[str, Any] = {}
    if not isinstance(raw, dict):
        raise BadRules(f"{path}: rule {number}: must be a table")
    if "label" not in raw:
        raise BadRules(f"{path}: rule {number}: has no label")
    for key, value in raw.items():
        if key not in _READERS:
            raise BadRules(f"{path}: rule {number}: {key}: there is no such key")
        name, read = _READERS[key]
        try:
            values[name] = read(value)
        except (ValueError, OverflowError) as error:
            raise BadRules(f"{path}: rule {number}: {key}: {error}") from None
    return Rule(**values)


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Rules of a TOML file: a list of [[rule]] tables (docs/features.md)."""
    try:
        raw = tomli.loads(path.read_text())
    except OSError as error:
        raise BadRules(f"{path}: {error.strerror}") from None
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRules(f"{path}: {error}") from None
    rules = raw.pop("rule", [])
    if raw:
        raise BadRules(f"{path}: {next(iter(raw))}: there is no such key")
    if not isinstance(rules, list) or len(rules) > RULES_LIMIT:
        raise BadRules(f"{path}: rule: must be a list of at most {RULES_LIMIT} tables")
    return tuple(_rule(path, number, rule) for number, rule in enumerate(rules, 1))
