"""weir-agent: run, check, status, top, doctor, qos, detach."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from agent import assemble, consultation, daemon, farewell, logs
from agent.capture.loader.pins import CaptureError
from agent.capture.session import back_end
from agent.config import SETTINGS, Config, load
from agent.settings import ConfigError
from agent.ship.door import DoorError
from agent.ship.spool import SpoolError
from agent.status.client import AgentError, Client, NotRunning
from agent.status.doctor import Level, as_json, lines, worst
from agent.status.server import ServeError
from agent.status.top import first, render, watch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its status: 0 done, 1 failed, 2 wrong use or settings."""
    options = parser().parse_args(arguments)
    flags = {
        row.name: getattr(options, row.name)
        for row in SETTINGS
        if getattr(options, row.name) is not None
    }
    try:
        config = load(options.config, os.environ, flags)
        return int(options.command(config, options))
    except (ConfigError, CaptureError, DoorError) as error:
        return complain(str(error), 2)
    except (SpoolError, NotRunning, AgentError, ServeError) as error:
        return complain(str(error), 1)


def parser() -> argparse.ArgumentParser:
    """The command line's description."""
    top_level = argparse.ArgumentParser(
        prog="weir-agent", description="Measures and regulates the traffic of this router."
    )
    commands = top_level.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("run", run, "count, report and regulate until stopped"),
        ("check", check, "check the settings, then end"),
        ("status", status, "what was counted, and how the agent is"),
        ("top", top, "a live view of interfaces, classes and flows"),
        ("doctor", doctor, "what works here, what does not, and the remedy"),
        ("detach", detach, "take everything off the router, after reporting it"),
    ):
        one = _settings(commands.add_parser(name, help=text))
        one.set_defaults(command=command)
        if name in ("status", "doctor"):
            one.add_argument("--json", action="store_true", help="for scripts")
        if name == "top":
            one.add_argument("--every", type=float, default=2.0, metavar="SECONDS")
    return top_level


def _settings(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings")
    group = command.add_argument_group("settings", "win over environment and file")
    for row in SETTINGS:
        group.add_argument(
            f"--{row.name.replace('_', '-')}", dest=row.name, metavar="VALUE"
        )
    return command


def run(config: Config, _: argparse.Namespace) -> int:
    """Run the daemon."""
    _configure_logs(config)
    if not config.capture.interfaces:
        raise ConfigError(
            'no interface to watch: set [capture] interfaces, such as ["eth0"]'
        )
    asyncio.run(daemon.start(config).run())
    return 0


def check(config: Config, _: argparse.Namespace) -> int:
    """Say whether the daemon would start with these settings."""
    if not config.capture.interfaces:
        raise ConfigError(
            'no interface to watch: set [capture] interfaces, such as ["eth0"]'
        )
    back_end(config.capture.loader)
    assemble.capture_filter(config.capture.filter)
    daemon.check(config)
    print("settings are good")
    return 0


def status(config: Config, options: argparse.Namespace) -> int:
    """Print what the running agent answers."""
    client = Client(Path(config.agent.runtime_dir))
    answer = client.get("/status")
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        Console().print(render(first(answer, client.get("/flows?limit=10"))))
    return 0


def top(config: Config, options: argparse.Namespace) -> int:
    """Show a live view until interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        watch(Client(Path(config.agent.runtime_dir)), options.every, Console())
    return 0


def doctor(config: Config, options: argparse.Namespace) -> int:
    """Examine this machine; 1 where something has failed."""
    findings = asyncio.run(consultation.findings(config))
    if options.json:
        print(json.dumps(as_json(findings), indent=2))
    else:
        print("\n".join(lines(findings)))
    return 1 if worst(findings) is Level.FAILED else 0


def detach(config: Config, _: argparse.Namespace) -> int:
    """Remove programs and maps; their last counts stay in the spool."""
    _configure_logs(config)
    for line in farewell.detach(config, lambda: daemon.open_spool(config)):
        print(line)
    return 0


def _configure_logs(config: Config) -> None:
    journal = "JOURNAL_STREAM" in os.environ
    logs.configure(config.agent.log_level, config.agent.log_format, journal=journal)


def complain(reason: str, status: int) -> int:
    """One line on standard error."""
    print(f"weir-agent: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
