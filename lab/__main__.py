"""weir-lab: benches beside the daemons. One row of the table below is one command."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Command:
    """A command: its module has `arguments(parser)` and `main(options) -> exit status`."""

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Command(
        "demo", "lab.demo.command", "a router in namespaces: up, down, status, traffic, run"
    ),
    Command("flows", "lab.extract.command", "captures to flows and their features"),
    Command(
        "simulate",
        "lab.simulate.command",
        "made-up flows, without root: to a collector, a file or a console of its own",
    ),
    Command("traffic", "lab.traffic.command", "one end of the traffic: serve or drive"),
)


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    words = sys.argv[1:] if words is None else words
    # Nothing here multiplies matrices: a thread for each core is memory and time for none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        options = parse(words)
        return int(options.main(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nobody is left to tell.
        sys.stderr.close()
        return 141
    except (OSError, ValueError) as error:
        print(f"weir-lab {words[0]}: {reason(error)}", file=sys.stderr)
        return 1


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the command line, importing the one command's module only, for speed."""
    return parser(lambda command: words[:1] == [command.name]).parse_args(words)


def parser(whole: Callable[[Command], bool] = lambda _: True) -> argparse.ArgumentParser:
    """Build the parser; whole tells of which commands the arguments are wanted."""
    top_level = argparse.ArgumentParser(prog="weir-lab", description=__doc__)
    commands = top_level.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in installed():
        child = commands.add_parser(
            command.name, help=command.help, description=command.help
        )
        if whole(command):
            module = importlib.import_module(command.module)
            module.arguments(child)
            child.set_defaults(main=module.main)
    return top_level


def installed() -> list[Command]:
    """Return the commands that are here: the package leaves out what needs the agent."""
    return [
        command
        for command in COMMANDS
        if importlib.util.find_spec(command.module.rpartition(".")[0]) is not None
    ]


def reason(error: Exception) -> str:
    """Return one line; an OSError without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
