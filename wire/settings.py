"""How a setting is declared, checked, and read from TOML or from text; for both daemons.

Files are read by the caller: this module takes their bytes.
"""

from __future__ import annotations

import dataclasses
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import tomli


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be, in words and as a test."""

    must_be: str
    accepts: Callable[[Any], bool]


_TRUTH: Final = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}
_NOUNS: Final[Mapping[type, str]] = {
    str: "text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of texts",
}
# What Kubernetes puts into every container when a service is named weir-agent.
_KUBERNETES: Final = re.compile(r"SERVICE_(HOST|PORT\w*)|PORT(_\d+_\w+)?")
_HEADING: Final = re.compile(r"\s*\[+\s*([\w.\"' -]+?)\s*\]")
_ASSIGNMENT: Final = re.compile(r"\s*[\"']?([\w.-]+)[\"']?\s*=")


class ConfigError(Exception):
    """One line for the operator: where, which key, why. The command exits 2."""


def between(low: float, high: float) -> Check:
    """Make a check that accepts numbers from low to high, both included."""
    return Check(f"between {low} and {high}", lambda value: low <= value <= high)


def one_of(*words: str) -> Check:
    """Make a check that accepts the named words only."""
    return Check(f"one of {', '.join(words)}", lambda value: value in words)


def matching(pattern: str, must_be: str) -> Check:
    """Make a check for text that is all pattern."""
    whole = re.compile(pattern)
    return Check(must_be, lambda value: whole.fullmatch(value) is not None)


def each(check: Check) -> Check:
    """Make a check for every member of a list."""
    return Check(check.must_be, lambda values: all(map(check.accepts, values)))


absolute: Final = matching(r"/[^\0]*", "an absolute path")
absolute_or_empty: Final = matching(r"(/[^\0]*)?", "empty or an absolute path")


def key(
    default: Any, text: str, check: Check | None = None, *, secret: bool = False
) -> Any:
    """Declare one setting: default, a sentence for the operator and an optional check.

    A secret's value appears in no message and no repr.
    """
    metadata = {"text": text, "check": check, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings, for flags, documents and tests."""

    section: str
    name: str
    default: Any  # str, bool, int, float or tuple of str: a value has the same type
    text: str
    check: Check | None
    secret: bool

    @property
    def flag(self) -> str:
        """Return the option of the command line."""
        return "--" + self.name.replace("_", "-")

    def checked(self, value: Any) -> tuple[Any, str | None]:
        """Return value in the setting's type, and why it is refused, if it is."""
        kind = type(self.default)
        if kind is tuple and isinstance(value, list) and all(type(v) is str for v in value):
            value = tuple(value)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            return value, f"must be {_NOUNS[kind]}{self._shown(value)}"
        if self.check and not self.check.accepts(value):
            return value, f"must be {self.check.must_be}{self._shown(value)}"
        return value, None

    def _shown(self, value: Any) -> str:
        if self.secret:
            return ""
        return f", not {list(value) if isinstance(value, tuple) else value!r}"

    def from_text(self, text: str, where: str) -> Any:
        """Turn the text of a flag or variable into a value. Raises ConfigError."""
        value: Any = text
        kind = type(self.default)
        if kind is bool:
            value = _TRUTH.get(text.lower(), text)
        elif kind is tuple:
            value = [part.strip() for part in text.split(",") if part.strip()]
        elif kind in (int, float):
            try:
                value = kind(text)
            except ValueError:
                value = text
        value, reason = self.checked(value)
        if reason:
            raise ConfigError(f"{where}: {reason}")
        return value


def rows(section: str, room: type) -> Iterator[Setting]:
    """Yield the settings that a dataclass declares with `key`."""
    for row in dataclasses.fields(room):
        if row.metadata:
            yield Setting(section, row.name, row.default, **row.metadata)


def overrides(
    settings: Mapping[str, Setting],
    prefix: str,
    environment: Mapping[str, str],
    flags: Mapping[str, str],
) -> dict[str, Any]:
    """Return what variables and flags say; a flag wins over a variable.

    settings: by name. prefix: of the variables. flags: texts by name. Raises ConfigError.
    """
    texts = [
        (name.lower(), text, variable)
        for variable, text in environment.items()
        if (name := variable.removeprefix(prefix)) != variable
        and not _KUBERNETES.fullmatch(name)
    ]
    texts += [(name, text, f"--{name.replace('_', '-')}") for name, text in flags.items()]
    values = {}
    for name, text, where in texts:
        if name not in settings:
            raise ConfigError(f"{where}: unknown setting: see config.toml.example")
        values[name] = settings[name].from_text(text, where)
    return values


def example(heading: str, about: str, settings: Sequence[Setting], lead: str = "") -> str:
    """Return a section as TOML that says what each setting means, and its default.

    lead goes in front of every line that is not a comment.
    """
    blocks = [f"# {about}\n{lead}{heading}\n"]
    for row in settings:
        about = row.text[0].upper() + row.text[1:]
        about += f" ({row.check.must_be})." if row.check else "."
        about = textwrap.fill(about, 90, initial_indent="# ", subsequent_indent="# ")
        blocks.append(f"{about}\n{lead}{row.name} = {_toml(row.default)}\n")
    return "\n".join(blocks)


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        members = [_toml(member) for member in value]
        if len(members) <= 3:
            return f"[{', '.join(members)}]"
        return "".join(["[\n", *(f"    {member},\n" for member in members), "]"])
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


class File:
    """One TOML file on its way to values, so that errors can name its lines."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content
        self._text = ""

    def tables(self, known: Sequence[str], foreign: Sequence[str]) -> dict[str, Any]:
        """Return the known sections as they stand; foreign ones are left out.

        Raises ConfigError, also for any other section.
        """
        try:
            self._text = self._content.decode()
            document = tomli.loads(self._text)
        except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._path}: not valid TOML: {error}") from None
        for section, table in document.items():
            if section not in (*known, *foreign):
                names = ", ".join(f"[{name}]" for name in known)
                raise self.error("", section, f"unknown section: there are {names}")
            if not isinstance(table, dict):
                raise self.error("", section, f"must be a section: write [{section}]")
        return {name: table for name, table in document.items() if name not in foreign}

    def values(
        self, settings: Sequence[Setting], section: str, table: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a section's checked values. Raises ConfigError."""
        known = {row.name: row for row in settings if row.section == section}
        result = {}
        for name, value in table.items():
            if name not in known:
                raise self.error(section, name, "unknown key: see config.toml.example")
            result[name], reason = known[name].checked(value)
            if reason:
                raise self.error(section, name, reason)
        return result

    def error(self, section: str, name: str, reason: str) -> ConfigError:
        """Make the line for the operator."""
        where = f"[{section}] {name}" if section else name
        return ConfigError(f"{self._path}:{self._line(section, name)}: {where}: {reason}")

    def _line(self, section: str, name: str) -> int:
        """Return the line of the last such key, else of its section. For people only."""
        here, best = "", 1
        for number, line in enumerate(self._text.splitlines(), 1):
            if heading := _HEADING.match(line):
                here = heading[1]
                best = number if here in (section, name) else best
            elif assignment := _ASSIGNMENT.match(line):
                best = number if (here, assignment[1]) == (section, name) else best
        return best
