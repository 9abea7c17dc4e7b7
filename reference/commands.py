"""docs/cli.md: every command of the three programs and every target of make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from agent import __main__ as agent_main
from agent.config import SETTINGS
from collector import __main__ as collector_main
from collector.config import FIELDS
from lab import __main__ as lab_main
from reference.text import NOTE, cell, code, sentence, table

MAKEFILE: Final = Path(__file__).resolve().parents[1] / "Makefile"
_TARGET: Final = re.compile(r"^([a-z-]+):.*?## (.*)$", re.MULTILINE)

HEAD: Final = f"""{NOTE}

# Commands

Exit status of all programs: 0 done; 1 failed; 2 wrong use or wrong settings. A failure
is one line on standard error: the thing, the reason, the remedy. `--json` prints JSON
for scripts; everything else is for people.

Commands of `weir-agent` and `weir-collector` also take every
[setting](configuration.md) as a flag: `--sync-interval 10`.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """A flag, or an argument that stands by itself."""

    written: str
    text: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, what it does, its options."""

    words: tuple[str, ...]
    text: str
    options: tuple[Option, ...]
    is_group: bool  # only the commands below it can be run


def programs() -> dict[str, list[Command]]:
    """Return the commands of every program, flags of settings left out."""
    parsers = {
        "weir-agent": agent_main.parser(),
        "weir-collector": collector_main.parser(),
        "weir-lab": _lab_parser(),
    }
    settings = {
        "weir-agent": {row.name for row in SETTINGS},
        "weir-collector": {f"set_{name}" for name in FIELDS},
        "weir-lab": set(),
    }
    return {
        name: list(_commands(parser, (name,), "", settings[name]))
        for name, parser in parsers.items()
    }


def targets() -> dict[str, str]:
    """Return the targets of make that are meant for people, with what they do."""
    return {m[1]: m[2] for m in _TARGET.finditer(MAKEFILE.read_text("utf-8"))}


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for name, commands in programs().items():
        parts.append(f"## {name}\n")
        parts += [_block(command) for command in commands if not command.is_group]
    rows = [
        (code(f"make {name}"), sentence(cell(text))) for name, text in targets().items()
    ]
    parts.append(f"## make\n\nIn the repository.\n\n{table(('command', 'what'), rows)}")
    return "\n".join(parts)


def _block(command: Command) -> str:
    rows = [(option.written, sentence(cell(option.text))) for option in command.options]
    body = f"### {' '.join(command.words)}\n\n{sentence(command.text)}\n"
    return body + (f"\n{table(('argument', 'meaning'), rows)}" if rows else "")


def _lab_parser() -> argparse.ArgumentParser:
    """The lab imports one command's module a run; here all of them."""
    parser = argparse.ArgumentParser(prog="weir-lab")
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in lab_main.COMMANDS:
        child = commands.add_parser(command.name, help=command.help)
        import_module(command.module).arguments(child)
    return parser


def _commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...], text: str, hidden: set[str]
) -> Iterator[Command]:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    shown = [
        _option(action)
        for action in parser._actions
        if action not in groups
        and action.dest not in hidden
        and not isinstance(action, argparse._HelpAction)
    ]
    yield Command(words, text, tuple(shown), bool(groups))
    for group in groups:
        told = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, below in group.choices.items():
            yield from _commands(below, (*words, name), told.get(name, ""), hidden)


def _option(action: argparse.Action) -> Option:
    value = ""
    if action.nargs != 0:
        named = action.metavar or (action.dest.upper() if action.option_strings else "")
        value = str(named or action.dest)
        if action.choices and not action.metavar:
            value = "|".join(map(str, action.choices))
    flags = tuple(action.option_strings)
    written = ", ".join(code(f"{flag} {value}".rstrip()) for flag in flags) or code(value)
    text = (action.help or "").replace("%(default)s", str(action.default))
    return Option(written, text.replace("%%", "%"), flags)
