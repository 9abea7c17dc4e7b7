"""weir-agent: run, check, status, top, doctor, qos, detach."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agent import logs
from agent.config import SETTINGS, Config, load
from wire.settings import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its status: 0 done, 1 failed, 2 wrong use or settings."""
    options = parser().parse_args(arguments)
    try:
        return int(options.command(_settings(options), options))
    except ConfigError as error:
        return complain(str(error), 2)
    except _wrong_settings() as error:
        return complain(str(error), 2)
    except _failures() as error:
        return complain(str(error), 1)


# Named only once an error is on its way: a command that looks needs little of the agent.
def _wrong_settings() -> tuple[type[Exception], ...]:
    from agent.capture.loader.pins import CaptureError
    from agent.ship.credentials import CredentialsError

    return CaptureError, CredentialsError


def _failures() -> tuple[type[Exception], ...]:
    from agent.ship.spool import SpoolError
    from agent.status.client import AgentError, NotRunning
    from agent.status.server import ServeError

    return SpoolError, NotRunning, AgentError, ServeError


def _settings(options: argparse.Namespace) -> Config:
    flags = {
        row.name: getattr(options, row.name)
        for row in SETTINGS
        if getattr(options, row.name) is not None
    }
    return load(options.config, os.environ, flags)


def parser() -> argparse.ArgumentParser:
    """The command line's description."""
    top_level = argparse.ArgumentParser(
        prog="weir-agent", description="Measures and regulates the traffic of this router."
    )
    commands = top_level.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("run", run, "count, report and regulate until stopped"),
        ("check", check, "check the settings, then end"),
        ("status", look, "what was counted, and how the agent is"),
        ("top", look, "a live view of interfaces, classes and flows"),
        ("doctor", look, "what works here, what does not, and the remedy"),
        ("detach", detach, "take everything off the router, after reporting it"),
    ):
        one = _with_settings(commands.add_parser(name, help=text))
        one.set_defaults(command=command, name=name)
        if name in ("status", "doctor"):
            one.add_argument("--json", action="store_true", help="for scripts")
        if name == "top":
            one.add_argument(
                "--every",
                type=float,
                default=2.0,
                metavar="SECONDS",
                help="how often the view is renewed",
            )
    _qos(
        commands.add_parser(
            "qos", help="plan, probe, apply, confirm, show or revert shaping"
        )
    )
    return top_level


def _qos(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(required=True, metavar="VERB")
    for verb, text in (
        ("plan", "what apply would do; nothing is touched"),
        ("probe", "what this kernel can shape with, and what is degraded"),
        ("apply", "make it so; packets get their class from the running agent"),
        ("confirm", "keep a change that waits to be confirmed"),
        ("show", "what the trees did"),
        ("revert", "put everything back; needs no running agent"),
    ):
        one = _with_settings(verbs.add_parser(verb, help=text))
        one.set_defaults(command=shape, name="qos", verb=verb)
        one.add_argument("--json", action="store_true", help="for scripts")
        if verb == "apply":
            one.add_argument(
                "--confirm",
                type=float,
                metavar="SECONDS",
                help="take the change back then, unless it is confirmed",
            )
        if verb in ("apply", "plan"):
            one.add_argument(
                "--adopt", action="store_true", help="replace a root qdisc of others"
            )


def _with_settings(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings' file; else /etc/weir/agent.toml",
    )
    group = command.add_argument_group("settings", "win over environment and file")
    for row in SETTINGS:
        group.add_argument(
            f"--{row.name.replace('_', '-')}",
            dest=row.name,
            metavar="VALUE",
            help=row.text.replace("%", "%%"),
        )
    return command


def run(config: Config, options: argparse.Namespace) -> int:
    """Run the daemon."""
    from agent import daemon, examine

    _configure_logs(config)
    examine.need_interfaces(config)
    daemon.run(config, lambda: _read_again(options))
    return 0


def _read_again(options: argparse.Namespace) -> Config:
    """The settings as they are now, if the daemon would start with them.

    Raises ConfigError.
    """
    from agent import examine

    config = _settings(options)
    try:
        examine.settings(config)
    except _wrong_settings() as error:
        raise ConfigError(str(error)) from None
    return config


def check(config: Config, _: argparse.Namespace) -> int:
    """Say whether the daemon would start with these settings."""
    from agent import examine, settled

    examine.settings(config)
    for pattern in settled.absent(config.capture):
        complain(f"{pattern}: no such interface now; correct [capture] interfaces", 0)
    print("settings are good")
    return 0


def detach(config: Config, _: argparse.Namespace) -> int:
    """Remove programs and maps; their last counts stay in the spool."""
    from agent import daemon, farewell, settled

    _configure_logs(config)
    for line in farewell.detach(config, lambda: daemon.open_spool(config)):
        print(line)
    if not settled.qos_directory(config).is_dir():
        return 0
    # Only now: most routers are not shaped, and need no netlink of trees.
    from agent import shaping

    return shaping.undo(config)


def look(config: Config, options: argparse.Namespace) -> int:
    """Show something to a person or a script."""
    # Not above: the daemon shall not carry the terminal's library in its memory.
    from agent import looks

    return looks.COMMANDS[options.name](config, options)


def shape(config: Config, options: argparse.Namespace) -> int:
    """Plan, apply, show or revert shaping."""
    # Not above: the other commands need neither trees nor their netlink.
    from agent import shaping

    return shaping.main(config, options)


def _configure_logs(config: Config) -> None:
    journal = "JOURNAL_STREAM" in os.environ
    logs.configure(config.agent.log_level, config.agent.log_format, journal=journal)


def complain(reason: str, status: int) -> int:
    """One line on standard error."""
    print(f"weir-agent: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
