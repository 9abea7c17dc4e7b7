"""Where flows come from: the mix, or a file; and the file they may be written to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lab.simulate import table
from lab.simulate.flows import SECOND_NS, Second
from lab.simulate.mix import Mix


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be simulated."""

    endpoints: int
    flows_per_second: float
    seed: int
    seconds: int | None  # None: without end, or to the end of the file
    replay: Path | None
    start_ns: int  # unix time at which the mix begins
    offset_s: int  # how far the clock on the site's wall is ahead of UTC


def source(wish: Wish) -> Iterator[Second]:
    """Return the flows, second by second. They raise table.Malformed, OSError."""
    if wish.replay is None:
        mix = Mix(wish.seed, wish.endpoints, wish.flows_per_second)
        return mix.seconds(wish.seconds, wish.start_ns, wish.offset_s)
    return first(table.read(wish.replay), wish.seconds)


def first(seconds: Iterator[Second], count: int | None) -> Iterator[Second]:
    """Yield what begins in the first so many seconds; everything for None."""
    begin = next(seconds, None)
    if begin is None:
        return
    yield begin
    for second in seconds:
        if count is not None and second.start_ns >= begin.start_ns + count * SECOND_NS:
            return
        yield second


def recorded(seconds: Iterator[Second], file: TextIO) -> Iterator[Second]:
    """Yield what comes, and write it to a file on its way."""
    writer = table.Writer(file)
    for second in seconds:
        writer.write(second.flows)
        yield second
