"""`weir-lab demo`: a router in namespaces with traffic on it, and all of Weir on top."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import time
from pathlib import Path
from typing import Any, Final

from lab.demo.show import Show, show, undo
from lab.demo.traffic import Traffic, TrafficFailed, Wish, summary
from lab.netns import world
from lab.stage.telling import say, stop_event, teller
from lab.stage.waiting import ShowFailed
from lab.traffic import command as one_end

HOUR_S: Final = 3600.0
ACTIONS: Final = {
    "up": "make the namespaces: client, router, server",
    "down": "remove all that the lab is, or a crash left of it",
    "status": "tell what of the lab exists; exit status 1 when it is not up",
    "traffic": "send traffic of every class through the lab that is up",
    "run": "up, agent, collector, console and traffic until Ctrl-C; then down",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--prefix", default=world.PREFIX, help="names begin with it")
        action.add_argument("--json", action="store_true", help="print JSON")
        if name in ("up", "run"):
            action.add_argument("--hosts", type=int, default=3, help="clients (3)")
        if name in ("traffic", "run"):
            one_end.common(action)
    run = actions.choices["run"]
    run.set_defaults(seconds=HOUR_S)
    run.add_argument(
        "--interface", default="", help="watch this one instead; no namespaces"
    )
    run.add_argument(
        "--port",
        type=int,
        default=8080,
        help="of the console; the agent reports to the next one (8080)",
    )
    run.add_argument(
        "--directory",
        type=Path,
        default=None,
        help="keep data and logs here, not in /var/lib/weir-lab",
    )


def main(options: argparse.Namespace) -> int:
    """Carry out one action."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces and BPF need root: run it with sudo")
    try:
        return int(
            {
                "up": _up,
                "down": _down,
                "status": _status,
                "traffic": _traffic,
                "run": _run,
            }[options.action](options)
        )
    except (TrafficFailed, ShowFailed) as failure:
        raise ValueError(str(failure)) from failure


def _up(options: argparse.Namespace) -> int:
    plan = world.up(options.prefix, options.hosts)
    text = f"{plan.prefix} is up: {', '.join(plan.spaces)}"
    _tell(options, {"up": True, **dataclasses.asdict(plan)}, text)
    return 0


def _down(options: argparse.Namespace) -> int:
    asyncio.run(undo(options.prefix, teller(options.json)))
    found = world.down(options.prefix)
    text = f"{options.prefix} is down" if found else f"{options.prefix}: there was nothing"
    _tell(options, {"up": False, "found": found}, text)
    return 0


def _status(options: argparse.Namespace) -> int:
    told = world.status(options.prefix)
    lines = [f"{told.prefix} is {'up' if told.is_up else 'down'}"]
    lines += [f"  namespace {name}" for name in told.namespaces]
    lines += [
        f"  process {process['pid']}: {process['what']}" for process in told.processes
    ]
    if told.namespaces and told.missing:
        lines += [f"  missing {name}" for name in told.missing]
    _tell(options, dataclasses.asdict(told), "\n".join(lines))
    return 0 if told.is_up else 1


def _traffic(options: argparse.Namespace) -> int:
    return asyncio.run(_drive(options))


async def _drive(options: argparse.Namespace) -> int:
    plan = await asyncio.to_thread(world.standing, options.prefix)
    stop = stop_event()
    started = time.monotonic()
    async with Traffic(plan, wish(options)) as traffic:
        ending = asyncio.ensure_future(traffic.finished())
        stopping = asyncio.ensure_future(stop.wait())
        every_s = options.progress or None
        while not (
            await asyncio.wait(
                {ending, stopping}, timeout=every_s, return_when=asyncio.FIRST_COMPLETED
            )
        )[0]:
            if not options.json:
                print(
                    f"{time.monotonic() - started:6.0f} s  {summary(traffic.totals())}",
                    flush=True,
                )
        stopping.cancel()
        report = await traffic.report()
        report["seconds"] = round(time.monotonic() - started, 3)
        await ending
    _tell(options, report, f"sent: {summary(report['clients'])}")
    return 0


def _run(options: argparse.Namespace) -> int:
    return asyncio.run(_show(options))


async def _show(options: argparse.Namespace) -> int:
    order = Show(
        prefix=options.prefix,
        hosts=options.hosts,
        interface=options.interface,
        port=options.port,
        directory=options.directory,
        wish=wish(options),
    )
    return await show(order, stop_event(), teller(options.json))


def wish(options: argparse.Namespace) -> Wish:
    """Return the traffic that the options ask for."""
    return Wish(
        options.seconds,
        options.rate,
        options.seed,
        tuple(options.classes),
        options.progress or 2.0,
    )


def _tell(options: argparse.Namespace, data: dict[str, Any], text: str) -> None:
    say(options.json, data, text)
