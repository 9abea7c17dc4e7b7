"""Simulated flows as CSV: written as they come, read in pieces, each row checked."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from lab.simulate.flows import FLOW, MICROSECOND_NS, SECOND_NS, Array, Second, none
from wire.items import PROTOCOL_NAMES, address_bytes, address_texts

COLUMNS: Final = (
    "src_mac", "src_ip", "dst_ip", "dst_port", "src_port", "proto", "bytes", "packets",
    "start_time",
)  # fmt: skip
PIECE_ROWS: Final = 4096
SECOND_ROWS: Final = 1 << 18
"""Rows of one second that are kept together: 18 MB. The rest of it follows."""

MOST_BYTES: Final = 1 << 44
"""Of a flow: sums of thousands of them stay exact in every store."""
MOST_SECONDS: Final = 1 << 33
"""Start times end in the year 2242."""

_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
_TIME: Final = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?")
_MAPPED: Final = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
_NUMBERS: Final = {name: str(number) for number, name in PROTOCOL_NAMES.items()}


class Malformed(ValueError):
    """A row that is none: file, line, reason."""


class Writer:
    """Writes flows to a file, the header first."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, flows: Array) -> None:
        """Write one row a flow."""
        macs = flows["source_mac"].tobytes().hex(":")
        times = flows["start_ns"] // MICROSECOND_NS
        seconds, rest = (part.tolist() for part in np.divmod(times, 1_000_000))
        self._writer.writerows(
            zip(
                [macs[at : at + 17] for at in range(0, len(macs), 18)],
                address_texts(flows["source"]),
                address_texts(flows["destination"]),
                flows["destination_port"].tolist(),
                flows["source_port"].tolist(),
                flows["protocol"].tolist(),
                flows["bytes"].tolist(),
                flows["packets"].tolist(),
                [f"{a}.{b:06}" for a, b in zip(seconds, rest, strict=True)],
                strict=True,
            )
        )


def read(path: Path) -> Iterator[Second]:
    """Yield a file's flows by the second in which they start.

    A row that starts before the one above it comes with that one's second. Raises
    Malformed, OSError.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from by_second(_pieces(path, file))


def by_second(pieces: Iterator[Array]) -> Iterator[Second]:
    """Cut pieces of a stream of flows into its seconds."""
    held, second = none(), 0
    for piece in pieces:
        flows = np.concatenate([held, piece])
        seconds = np.maximum(flows["start_ns"] // SECOND_NS, second).astype(np.int64)
        seconds = np.maximum.accumulate(seconds)
        starts = np.flatnonzero(np.diff(seconds, prepend=-1))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            yield Second(int(seconds[start]) * SECOND_NS, flows[start:end])
        held, second = flows[starts[-1] :], int(seconds[-1])
        if len(held) >= SECOND_ROWS:
            yield Second(second * SECOND_NS, held)
            held = none()
    if len(held):
        yield Second(second * SECOND_NS, held)


def _pieces(path: Path, file: TextIO) -> Iterator[Array]:
    reader = csv.reader(file)
    try:
        if tuple(next(reader, ())) != COLUMNS:
            raise Malformed(f"{path}:1: the header is not {','.join(COLUMNS)}")
        while rows := [(reader.line_num, row) for row in islice(reader, PIECE_ROWS)]:
            # An empty line, as editors leave one at the end, is no row.
            rows = [(line, row) for line, row in rows if row]
            if rows:
                yield _parsed(path, rows)
    except csv.Error as error:
        raise Malformed(f"{path}:{reader.line_num}: {error}") from None


def _parsed(path: Path, rows: list[tuple[int, list[str]]]) -> Array:
    for line, row in rows:
        if len(row) != len(COLUMNS):
            raise Malformed(f"{path}:{line}: {len(row)} fields, not {len(COLUMNS)}")
    made = np.zeros(len(rows), FLOW)
    texts = zip(*(row for _, row in rows), strict=True)
    for column, several in zip(COLUMNS, texts, strict=True):
        field, parse = _FIELDS[column]
        # Values repeat, so each is looked at once.
        known: dict[str, Any] = {}
        for (line, _), text in zip(rows, several, strict=True):
            if text not in known:
                try:
                    known[text] = parse(text)
                except ValueError as error:
                    reason = f"{column} {text[:40]!r}: {error}"
                    raise Malformed(f"{path}:{line}: {reason}") from None
        made[field] = [known[text] for text in several]
    four = [(made[end][:, :12] == _MAPPED).all(axis=1) for end in ("source", "destination")]
    for at in np.flatnonzero(four[0] != four[1])[:1].tolist():
        raise Malformed(f"{path}:{rows[at][0]}: src_ip and dst_ip: one is IPv4, one IPv6")
    return made


def _mac(text: str) -> tuple[int, ...]:
    if not _MAC.fullmatch(text):
        raise ValueError("not six bytes like 02:00:00:00:00:01")
    return tuple(bytes.fromhex(text.replace(":", "").replace("-", "")))


def _address(text: str) -> tuple[int, ...]:
    try:
        return tuple(address_bytes(text))
    except ValueError:
        raise ValueError("not an IPv4 or IPv6 address") from None


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise ValueError("not a whole number")
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"not from {low} to {high}")
        return value

    return parse


def _protocol(text: str) -> int:
    try:
        return _whole(0, 255)(_NUMBERS.get(text.lower(), text))
    except ValueError:
        raise ValueError("not a protocol: a number from 0 to 255, or tcp, udp") from None


def _time(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) >= MOST_SECONDS:
        raise ValueError("not unix seconds like 1767603600.25")
    return int(found[1]) * SECOND_NS + int((found[2] or "")[:6].ljust(6, "0")) * 1000


_PORT: Final = _whole(0, 65_535)
_FIELDS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "src_mac": ("source_mac", _mac),
    "src_ip": ("source", _address),
    "dst_ip": ("destination", _address),
    "dst_port": ("destination_port", _PORT),
    "src_port": ("source_port", _PORT),
    "proto": ("protocol", _protocol),
    "bytes": ("bytes", _whole(1, MOST_BYTES)),
    "packets": ("packets", _whole(1, MOST_BYTES)),
    "start_time": ("start_ns", _time),
}
