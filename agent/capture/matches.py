"""What the operator says of flows, as the kernel takes it: a table, first fit wins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import (
    CLASS_KEEP,
    CLASSES,
    END,
    KEY_FAMILY,
    LIMITS,
    MATCH,
    MATCH_TABLE,
    MATCHES,
    NO_PORT,
    SLOTS,
)

Array = npt.NDArray[Any]
Network = IPv4Network | IPv6Network
Range = tuple[int, int]

_ANY: Final = 2**64 - 1
_ANY_PORT: Final = (0, NO_PORT)
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"
"""Where the kernel's keys hold IPv4 addresses."""


class BadMatch(ValueError):
    """A table that cannot be: the thing, the reason and the remedy in one line."""


@dataclass(frozen=True, slots=True)
class Match:
    """Flows that are told by what their first packet shows; either end may have sent it."""

    class_number: int | None  # None: as without the match
    source: Network | None = None
    destination: Network | None = None
    ports: tuple[Range, ...] = ()  # first and last of each range, at either end; empty: any
    source_ports: tuple[Range, ...] = ()
    destination_ports: tuple[Range, ...] = ()
    protocol: int | None = None
    dscp: frozenset[int] = frozenset()  # empty: any
    slots: frozenset[int] | None = None  # of watched interfaces; None: all
    limit: int = 0  # number of what each flow may have, 0: no limit of its own


def compiled(matches: Iterable[Match]) -> Array:
    """The table: dtype MATCH_TABLE, shape (1,). Raises BadMatch."""
    rows = [row for match in matches for row in _rows(match)]
    if len(rows) > MATCHES:
        raise BadMatch(
            f"qos.match: {len(rows)} entries; at most {MATCHES}, one for each range of "
            "ports, two where it meets an address: use wider ranges"
        )
    table = np.zeros(1, MATCH_TABLE)
    table["count"] = len(rows)
    for index, row in enumerate(rows):
        table["entries"][0, index] = row
    return table


def _rows(match: Match) -> list[np.void]:
    _check(match)
    return [_row(match, source, destination) for source, destination in _ranges(match)]


def _ranges(match: Match) -> Iterator[tuple[Range, Range]]:
    """Ports of the source and of the destination, an entry each."""
    for either in match.ports:
        yield _ANY_PORT, either
        if match.source != match.destination:
            # Ends that are alike are tried both ways round by the kernel.
            yield either, _ANY_PORT
    if not match.ports:
        yield from product(
            match.source_ports or (_ANY_PORT,), match.destination_ports or (_ANY_PORT,)
        )


def _row(match: Match, source: Range, destination: Range) -> np.void:
    row = np.zeros(1, MATCH)
    row["slots"] = _ANY if match.slots is None else sum(1 << slot for slot in match.slots)
    row["code_points"] = sum(1 << point for point in match.dscp) or _ANY
    row["ends"][0, 0] = _end(match.source, source)
    row["ends"][0, 1] = _end(match.destination, destination)
    if match.protocol is not None:
        row["protocol"], row["protocol_mask"] = match.protocol, 0xFF
    for network in (match.source, match.destination):
        if network is not None:
            row["family"], row["family_mask"] = network.version, KEY_FAMILY
    row["class"] = CLASS_KEEP if match.class_number is None else match.class_number
    row["limit"] = match.limit
    found: np.void = row[0]
    return found


def _end(network: Network | None, ports: tuple[int, int]) -> np.void:
    end = np.zeros(1, END)
    if network is not None:
        address, mask = network.network_address.packed, network.netmask.packed
        if network.version == 4:
            address, mask = _MAPPED + address, b"\xff" * 12 + mask
        end["address"] = np.frombuffer(address, np.uint8)
        end["mask"] = np.frombuffer(mask, np.uint8)
    end["low_port"], end["high_port"] = ports
    found: np.void = end[0]
    return found


def _check(match: Match) -> None:
    both = (match.source, match.destination)
    if len({network.version for network in both if network is not None}) > 1:
        raise BadMatch(
            f"qos.match: source {match.source}, destination {match.destination}: no flow "
            "has both: give two of IPv4 or two of IPv6"
        )
    if match.ports and (match.source_ports or match.destination_ports):
        raise BadMatch(
            "qos.match: port and an end's own port: give one of them, in a match each"
        )
    for low, high in (*match.ports, *match.source_ports, *match.destination_ports):
        if not 0 <= low <= high < NO_PORT:
            raise BadMatch(f"qos.match: ports {low}-{high}: give 0 to 65535, low first")
    for name, found, limit in (
        ("class", (match.class_number or 0,), CLASSES),
        ("dscp", match.dscp, 64),
        ("interface", match.slots or (), SLOTS),
        ("limit", (match.limit,), LIMITS),
        ("protocol", (match.protocol or 0,), 256),
    ):
        for value in found:
            if not 0 <= value < limit:
                raise BadMatch(f"qos.match: {name} {value}: give 0 to {limit - 1}")
