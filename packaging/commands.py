"""What a program's parser knows about its commands, for the manual and for completion."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import cast


@dataclass(frozen=True, slots=True)
class Option:
    """A flag, or an argument that stands by itself."""

    flags: tuple[str, ...]
    value: str  # what stands behind it; empty: nothing does
    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One command, such as ("token", "add")."""

    path: tuple[str, ...]
    text: str
    options: tuple[Option, ...]
    is_group: bool  # only its own commands can be run


def parser_of(program: str) -> argparse.ArgumentParser:
    """The parser of weir-agent or weir-collector."""
    module = import_module(f"{program.removeprefix('weir-')}.__main__")
    return cast(argparse.ArgumentParser, module.parser())


def commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = (), text: str = ""
) -> Iterator[Command]:
    """This parser's command and all below it."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    options = tuple(_option(action) for action in parser._actions if action not in groups)
    yield Command(path, text, options, bool(groups))
    for group in groups:
        told = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, below in group.choices.items():
            yield from commands(below, (*path, name), told.get(name, ""))


def _option(action: argparse.Action) -> Option:
    value = ""
    if action.nargs != 0:
        value = str(action.metavar or action.dest).upper()
    text = (action.help or "").replace("%%", "%")
    return Option(
        tuple(action.option_strings), value, text, tuple(map(str, action.choices or ()))
    )


def is_setting(option: Option, parser: argparse.ArgumentParser) -> bool:
    """Whether the flag sets a key of the settings file."""
    module = import_module(f"{parser.prog.removeprefix('weir-')}.config")
    names = (
        {row.name for row in module.SETTINGS}
        if hasattr(module, "SETTINGS")
        else set(module.FIELDS)
    )
    return any(flag[2:].replace("-", "_") in names for flag in option.flags)
