"""weir-collector: run, check, health, users, tokens."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector import looks
from collector.config import FIELDS, Config, load
from collector.ingest.journal import JournalError
from collector.records import StateError
from collector.state.control import Control
from collector.state.folder import Hold, pack, unpack
from collector.state.users import UserError
from collector.store import processor
from collector.store.answers import StoreError
from wire.settings import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its status: 0 done, 1 failed, 2 wrong use or settings."""
    options = parser().parse_args(arguments)
    try:
        config = load(options.config, os.environ, flags_of(options))
        return int(options.command(config, options))
    except ConfigError as error:
        return complain(str(error), 2)
    except (StateError, StoreError, JournalError, UserError, OSError) as error:
        return complain(str(error), 1)


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    top = argparse.ArgumentParser(
        prog="weir-collector", description="Collects what Weir's agents report."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("run", run, "serve until stopped"),
        ("check", check, "check settings, folders and stores, then end"),
        ("health", health, "ask the running collector whether it is ready"),
    ):
        settings(commands.add_parser(name, help=text)).set_defaults(command=command)
    users = commands.add_parser("user", help="who may sign in").add_subparsers(
        required=True
    )
    add = settings(users.add_parser("add", help="make a user"))
    add.add_argument("username")
    add.add_argument("--role", default="viewer", help="admin or viewer (default viewer)")
    add.set_defaults(command=user_add)
    for name, command, text in (
        ("passwd", user_passwd, "change a password"),
        ("remove", user_remove, "remove a user"),
    ):
        one = settings(users.add_parser(name, help=text))
        one.add_argument("username")
        one.set_defaults(command=command)
    settings(users.add_parser("list", help="list users")).set_defaults(command=user_list)
    for name, command, text in (
        ("backup", backup, "pack everything into one file; the collector must be stopped"),
        ("restore", restore, "bring a backup back into an empty data_dir"),
    ):
        one = settings(commands.add_parser(name, help=text))
        one.add_argument("file", type=Path)
        one.set_defaults(command=command)
    token_commands(commands.add_parser("token", help="secrets of agents and programs"))
    return top


def token_commands(token: argparse.ArgumentParser) -> None:
    """Describe `token add|list|revoke`."""
    tokens = token.add_subparsers(required=True)
    add = settings(tokens.add_parser("add", help="make a token and show it once"))
    kind = add.add_mutually_exclusive_group(required=True)
    kind.add_argument("--agent", metavar="NAME", help="for the agent of this name")
    kind.add_argument("--api", metavar="LABEL", help="for a program that uses the API")
    add.add_argument("--role", default="viewer", choices=("admin", "viewer"))
    add.set_defaults(command=token_add)
    settings(tokens.add_parser("list", help="list tokens")).set_defaults(command=token_list)
    revoke = settings(tokens.add_parser("revoke", help="make a token useless at once"))
    revoke.add_argument("id", type=int)
    revoke.set_defaults(command=token_revoke)


def settings(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what every command takes: the file, every setting as a flag, --json."""
    one.add_argument("-c", "--config", type=Path, help="TOML file")
    one.add_argument("--json", action="store_true", help="print JSON")
    group = one.add_argument_group("settings (see config.toml.example)")
    for name, field in FIELDS.items():
        group.add_argument(
            "--" + name.replace("_", "-"), dest=f"set_{name}", metavar="VALUE",
            help=field.text.replace("%", "%%"),
        )  # fmt: skip
    return one


def flags_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the settings given as flags."""
    return {
        name: value
        for name in FIELDS
        if (value := getattr(options, f"set_{name}", None)) is not None
    }


def run(config: Config, options: argparse.Namespace) -> int:
    """Serve."""
    processor.demand(config)
    # Not above: the other commands need no store.
    from collector import daemon

    log_to_stderr(config)
    daemon.run(config, lambda: load(options.config, os.environ, flags_of(options)))
    return 0


def check(config: Config, options: argparse.Namespace) -> int:
    """Check settings and stores."""
    processor.demand(config)
    control = Control(Path(config.data_dir))
    control.close()
    say(options, {"status": "ok"}, f"settings are good; state is in {config.data_dir}")
    return 0


def health(config: Config, options: argparse.Namespace) -> int:
    """Tell whether the collector with these settings is ready: 0, else 1."""
    found = looks.health(config)
    status, reason = found.get("status"), found.get("reason")
    say(options, found, f"{status}: {reason}" if reason else str(status))
    return 0 if status == "ok" else 1


def backup(config: Config, options: argparse.Namespace) -> int:
    """Pack the folder."""
    folder = Path(config.data_dir)
    hold = Hold(folder)
    size = pack(folder, options.file)
    hold.release()
    say(options, {"status": "ok", "bytes": size}, f"{options.file}: {size} bytes")
    return 0


def restore(config: Config, options: argparse.Namespace) -> int:
    """Unpack into the folder."""
    folder = Path(config.data_dir)
    hold = Hold(folder)
    count = unpack(options.file, folder)
    hold.release()
    say(options, {"status": "ok", "files": count}, f"{count} files are back in {folder}")
    return 0


def user_add(config: Config, options: argparse.Namespace) -> int:
    """Make a user."""
    control = Control(Path(config.data_dir))
    user = control.users.add(options.username, ask_password(), options.role, _now())
    say(options, dataclasses.asdict(user), f"user {user.username} is {user.role}")
    return 0


def user_passwd(config: Config, options: argparse.Namespace) -> int:
    """Change a password."""
    control = Control(Path(config.data_dir))
    control.users.set_password(options.username, ask_password(), _now())
    say(options, {"status": "ok"}, "password changed; open sessions have ended")
    return 0


def user_remove(config: Config, options: argparse.Namespace) -> int:
    """Remove a user."""
    Control(Path(config.data_dir)).users.remove(options.username)
    say(options, {"status": "ok"}, f"user {options.username} is gone")
    return 0


def user_list(config: Config, options: argparse.Namespace) -> int:
    """List users."""
    rows = [
        dataclasses.asdict(user) for user in Control(Path(config.data_dir)).users.list()
    ]
    lines = [f"{row['username']:24} {row['role']}" for row in rows]
    say(
        options,
        rows,
        "\n".join(lines) or "no users: `weir-collector user add NAME --role admin`",
    )
    return 0


def token_add(config: Config, options: argparse.Namespace) -> int:
    """Make a token."""
    kind = "agent" if options.agent else "api"
    role = "agent" if options.agent else options.role
    control = Control(Path(config.data_dir))
    token, secret = control.tokens.add(kind, options.agent or options.api, role, _now())
    say(options, {**dataclasses.asdict(token), "token": secret}, secret)
    return 0


def token_list(config: Config, options: argparse.Namespace) -> int:
    """List tokens."""
    rows = [dataclasses.asdict(one) for one in Control(Path(config.data_dir)).tokens.list()]
    lines = [
        f"{row['id']:6} {row['kind']:6} {row['role']:7} {row['subject']}" for row in rows
    ]
    say(
        options,
        rows,
        "\n".join(lines) or "no tokens: `weir-collector token add --agent NAME`",
    )
    return 0


def token_revoke(config: Config, options: argparse.Namespace) -> int:
    """Revoke a token."""
    if not Control(Path(config.data_dir)).tokens.revoke(options.id):
        return complain(f"{options.id}: no such token: see `weir-collector token list`", 1)
    say(options, {"status": "ok"}, f"token {options.id} is revoked")
    return 0


def _now() -> int:
    return int(time.time())  # noqa: TID251 - a command is the wiring: time comes in here


def ask_password() -> str:
    """Return a password: typed twice at a terminal, else a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise UserError("the two passwords differ: try again")
    return first


def say(options: argparse.Namespace, value: Any, text: str) -> None:
    """Print an answer for a program or for a person."""
    print(json.dumps(value) if options.json else text)


def complain(reason: str, status: int) -> int:
    """Print one line about what went wrong; return the exit status."""
    print(f"weir-collector: {reason}", file=sys.stderr)
    return status


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr(config: Config) -> None:
    """Send logs to standard error in the configured form."""
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if config.log_format == "json" else plain)
    logging.basicConfig(level=config.log_level, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
