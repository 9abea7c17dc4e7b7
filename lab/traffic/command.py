"""`weir-lab traffic serve|drive`: one bounded process at each end; it prints JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lab.traffic.drive import drive
from lab.traffic.serve import serve
from lab.traffic.services import CLASSES, places
from lab.traffic.tally import Tally

LONGEST_S: Final = 7 * 86400.0
LOWEST_BPS, HIGHEST_BPS = 5e5, 1e10
"""Below, calls alone would exceed the rate; above, Python cannot follow."""

HELP: Final = "real traffic of every class, bounded in time and rate"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both ends."""
    parser.add_argument("end", choices=("serve", "drive"), help="which end this process is")
    parser.add_argument("--ipv4", default="", help="the server's addresses, by commas")
    parser.add_argument("--ipv6", default="", help="the server's addresses, by commas")
    parser.add_argument("--port-shift", type=int, default=0, help="add this to every port")
    common(parser)


def common(parser: argparse.ArgumentParser) -> None:
    """Declare what every command that makes traffic takes."""
    parser.add_argument("--seconds", type=seconds, default=60.0, help="stop after (60)")
    parser.add_argument(
        "--rate", type=rate, default=2e7, help="bit/s of all classes together, as 20M (20M)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same sessions (1)")
    parser.add_argument(
        "--classes", type=classes, default=CLASSES, help=f"by commas: {','.join(CLASSES)}"
    )
    parser.add_argument(
        "--progress", type=seconds, default=0.0, help="report every N seconds"
    )


def main(options: argparse.Namespace) -> int:
    """Run one end; print JSON lines: ready, progress, report. 1: no session succeeded."""
    return asyncio.run(_run(options))


def seconds(text: str) -> float:
    """Parse a duration in seconds."""
    value = float(text)
    if not 0 < value <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {LONGEST_S:.0f}")
    return value


def rate(text: str) -> float:
    """Parse bit/s with an optional K, M or G."""
    scale = {"k": 1e3, "m": 1e6, "g": 1e9}.get(text[-1:].lower(), 1.0)
    value = float(text[:-1] if scale > 1 else text) * scale
    if not LOWEST_BPS <= value <= HIGHEST_BPS:
        raise argparse.ArgumentTypeError("must be between 500K and 10G")
    return value


def classes(text: str) -> tuple[str, ...]:
    """Parse class names."""
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in CLASSES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: known are {', '.join(CLASSES)}")
    return names


async def _run(options: argparse.Namespace) -> int:
    where = places(_split(options.ipv4), _split(options.ipv6), options.port_shift)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.call_later(options.seconds, stop.set)
    started = time.monotonic()

    def tell(event: str, **more: Any) -> None:
        elapsed = round(time.monotonic() - started, 3)
        line = {"event": event, "end": options.end, "seconds": elapsed, **more}
        print(json.dumps(line), flush=True)

    if options.end == "serve":
        tally = await serve(where, options.rate, stop, lambda: tell("ready"))
        tell("report", classes=tally.report())
        return 0
    tally = Tally()
    tell("ready")
    await _with_progress(
        drive(where, options.classes, options.rate, options.seed, stop, tally),
        options.progress,
        lambda: tell("progress", classes=tally.report()),
    )
    tell("report", classes=tally.report())
    return 0 if any(tally[name].received_bytes for name in options.classes) else 1


async def _with_progress(
    work: Awaitable[None], every_s: float, tell: Callable[[], None]
) -> None:
    task = asyncio.ensure_future(work)
    while not (await asyncio.wait({task}, timeout=every_s or None))[0]:
        tell()
    task.result()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
