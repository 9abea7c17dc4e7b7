"""How a setting is declared, checked, and read from TOML or from text."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import tomli

Check = Callable[[Any], str | None]
"""Returns why a value is refused, to be followed by the value; None: it is fine."""

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
_HEADING: Final = re.compile(r"\s*\[+\s*([\w.\"' -]+?)\s*\]")
_ASSIGNMENT: Final = re.compile(r"\s*[\"']?([\w.-]+)[\"']?\s*=")


class ConfigError(Exception):
    """One line for the operator: where, which key, why. The command exits 2."""


def between(low: float, high: float) -> Check:
    """Make a check that accepts numbers from low to high, both included."""

    def check(value: float) -> str | None:
        return None if low <= value <= high else f"must be between {low} and {high}"

    return check


def one_of(*words: str) -> Check:
    """Make a check that accepts the named words only."""
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def matching(pattern: str, what: str) -> Check:
    """Make a check for text that is all pattern; what completes "must be"."""
    whole = re.compile(pattern)
    return lambda value: None if whole.fullmatch(value) else f"must be {what}"


def each(check: Check) -> Check:
    """Make a check for every member of a list."""
    return lambda values: next(filter(None, map(check, values)), None)


def network(value: str) -> str | None:
    """Accept an address range."""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return "must be address ranges like 192.168.0.0/16 (host bits 0)"
    return None


def time_zone(value: str) -> str | None:
    """Accept `local` or a name of the time zone database."""
    if value == "local":
        return None
    try:
        zoneinfo.ZoneInfo(value)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return "must be local or a name like Europe/Berlin"
    return None


absolute: Final = matching(r"/[^\0]*", "an absolute path")
absolute_or_empty: Final = matching(r"(/[^\0]*)?", "empty or an absolute path")
web_address: Final = matching(
    r"https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?",
    "http:// or https:// addresses without user, query or trailing slash",
)
link_name: Final = matching(r"[^\s/]{1,64}", "names or globs like eth0 or wan*")


def key(default: Any, text: str, check: Check | None = None, **more: Any) -> Any:
    """Declare one setting: default, a sentence for the operator and an optional check."""
    return field(default=default, metadata={"text": text, "check": check}, **more)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings, for flags, documents and tests."""

    section: str
    name: str
    default: Any  # str, bool, int, float or tuple of str: a value has the same type
    text: str
    check: Check | None

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
            return value, f"must be {_NOUNS[kind]}, not {value!r}"
        reason = self.check(value) if self.check else None
        shown = list(value) if kind is tuple else value
        return value, f"{reason}, not {shown!r}" if reason else None

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
            text, check = row.metadata["text"], row.metadata["check"]
            yield Setting(section, row.name, row.default, text, check)


class File:
    """One TOML file on its way to values, so that errors can name its lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""

    def tables(self, known: Sequence[str], foreign: Sequence[str]) -> dict[str, Any]:
        """Return the known sections as they stand; foreign ones are left out.

        Raises ConfigError, also for any other section.
        """
        try:
            self._text = self._path.read_text(encoding="utf-8")
            document = tomli.loads(self._text)
        except OSError as error:
            reason = f"{error.strerror or error}: name a readable file with -c"
            raise ConfigError(f"{self._path}: {reason}") from None
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
