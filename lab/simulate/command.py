"""`weir-lab simulate`: made-up flows into a file, to a collector, or with all of Weir."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from lab.simulate.flows import MICROSECOND_NS
from lab.simulate.population import MOST_ENDPOINTS
from lab.simulate.show import Show, show
from lab.simulate.source import Wish, recorded, source
from lab.stage.telling import say, stop_event, teller
from lab.stage.waiting import ShowFailed

FILE_START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""A Monday at nine: files of equal seeds are equal, whenever they are written."""

FILE_SECONDS: Final = 60
HIGHEST_RATE: Final = 100_000.0
"""Flows a second; one processor core makes and counts about as many."""

LONGEST_S: Final = 366 * 86_400
HIGHEST_SPEED: Final = 1e6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1971, 2200


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where flows come from and where they go."""
    made = parser.add_argument_group("what is made up")
    made.add_argument(
        "--endpoints", type=endpoints, default=50, metavar="N", help="of the site (50)"
    )
    made.add_argument(
        "--flows-per-second",
        type=rate,
        default=100.0,
        metavar="N",
        help="when all are active (100)",
    )
    made.add_argument(
        "--seed", type=seed, default=1, metavar="N", help="same seed, same flows (1)"
    )
    made.add_argument(
        "--start",
        type=moment,
        metavar="TIME",
        help="date and time with zone at which the site's clock begins (now; "
        f"for a file {FILE_START.isoformat(timespec='minutes')})",
    )
    made.add_argument(
        "--seconds", type=seconds, metavar="S",
        help="of the site's time (60; with --replay all; with --run until Ctrl-C)",
    )  # fmt: skip
    made.add_argument(
        "--replay", type=Path, metavar="FILE", help="take the flows from such a CSV instead"
    )
    sent = parser.add_argument_group("where it goes")
    sent.add_argument("--csv", type=Path, metavar="FILE", help="write the flows to a file")
    sent.add_argument(
        "--backend-url", default="", metavar="URL", help="report to this collector"
    )
    sent.add_argument(
        "--token-file", default="", metavar="FILE", help="holds the secret for it"
    )
    sent.add_argument(
        "--switch-id", default="simulated", metavar="NAME", help="the agent's (simulated)"
    )
    sent.add_argument(
        "--speed", type=speed, metavar="X",
        help="1: as it would happen, 10: ten times that; 0: at once, times unchanged (1)",
    )  # fmt: skip
    sent.add_argument(
        "--run", action="store_true", help="with a collector of its own, and its console"
    )
    sent.add_argument(
        "--port", type=port, default=8080, metavar="N", help="of the console (8080)"
    )
    sent.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="keep data and logs here; else nothing is kept",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Simulate; return the exit status."""
    _check(options)
    try:
        if options.run or options.backend_url:
            return asyncio.run(_show(options))
        return _write(options)
    except ShowFailed as failure:
        raise ValueError(str(failure)) from failure


def _check(options: argparse.Namespace) -> None:
    if options.run and options.backend_url:
        raise ValueError("--run and --backend-url: one collector is enough")
    if not (options.run or options.backend_url or options.csv):
        raise ValueError("nothing to do: give --run, --backend-url URL or --csv FILE")
    if options.csv and options.replay:
        raise ValueError("--csv and --replay: there is such a file already")
    if options.speed is not None and not (options.run or options.backend_url):
        raise ValueError("--speed: a file is written as fast as possible")


def _write(options: argparse.Namespace) -> int:
    wish = _wish(options, options.start or FILE_START)
    flows = octets = 0
    with options.csv.open("w", encoding="utf-8") as file:
        for second in recorded(source(wish), file):
            flows += len(second.flows)
            octets += int(second.flows["bytes"].sum())
    text = f"{options.csv}: {flows:,} flows, {octets / 1e6:,.1f} MB"
    say(options.json, {"event": "end", "text": text, "flows": flows, "bytes": octets}, text)
    return 0


async def _show(options: argparse.Namespace) -> int:
    pace = 1.0 if options.speed is None else options.speed
    start = options.start or datetime.now(UTC).astimezone()
    if options.start is None and not pace:
        # What is made at once is the past, up to now.
        start -= timedelta(seconds=_seconds(options) or 0)
    order = Show(
        wish=_wish(options, start),
        speed=pace,
        name=options.switch_id,
        url=options.backend_url.rstrip("/"),
        token_file=options.token_file,
        port=options.port,
        directory=options.directory.absolute() if options.directory else None,
        record=options.csv,
    )
    if not pace and order.wish.seconds is None and options.replay is None:
        raise ValueError("--speed 0: say how much with --seconds")
    return await show(order, stop_event(), teller(options.json))


def _wish(options: argparse.Namespace, start: datetime) -> Wish:
    offset = start.utcoffset() or timedelta()
    return Wish(
        endpoints=options.endpoints,
        flows_per_second=options.flows_per_second,
        seed=options.seed,
        seconds=_seconds(options),
        replay=options.replay,
        start_ns=(start - _EPOCH) // timedelta(microseconds=1) * MICROSECOND_NS,
        offset_s=int(offset.total_seconds()),
    )


def _seconds(options: argparse.Namespace) -> int | None:
    if options.seconds is None and not (options.run or options.replay):
        return FILE_SECONDS
    found: int | None = options.seconds
    return found


def endpoints(text: str) -> int:
    """Parse how many endpoints there are."""
    return int(_between(text, 1, MOST_ENDPOINTS))


def seconds(text: str) -> int:
    """Parse whole seconds."""
    return int(_between(text, 1, LONGEST_S))


def seed(text: str) -> int:
    """Parse a seed."""
    return int(_between(text, 0, 2**63 - 1))


def rate(text: str) -> float:
    """Parse flows a second."""
    return _between(text, 0.001, HIGHEST_RATE, whole=False)


def speed(text: str) -> float:
    """Parse a speed."""
    return _between(text, 0, HIGHEST_SPEED, whole=False)


def port(text: str) -> int:
    """Parse a port."""
    return int(_between(text, 1, 65_535))


def moment(text: str) -> datetime:
    """Parse a date and time with its zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError("not like 2026-01-05T09:00+01:00")
    return found


def _between(text: str, low: float, high: float, *, whole: bool = True) -> float:
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = -1
    if not low <= value <= high:
        kind = "whole number" if whole else "number"
        raise argparse.ArgumentTypeError(f"must be a {kind} from {low:g} to {high:g}")
    return value
