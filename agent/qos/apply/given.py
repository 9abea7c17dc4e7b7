"""What the API was given and what was measured, on disk so that it outlives the agent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.qos import matches
from agent.qos.apply.journal import sync
from agent.qos.matches import Match
from agent.qos.rules import BadRule, Rule, parse_all

FILE: Final = "rules.json"
MATCHES: Final = "matches.json"
CAPACITIES: Final = "capacities.json"

Capacities = Mapping[str, Mapping[str, int]]
"""Device -> way -> bit/s."""

_Read = TypeVar("_Read")


def load(directory: Path) -> tuple[Rule, ...]:
    """Return the rules on disk. Raises BadRule where the file is damaged."""
    return _load(directory / FILE, parse_all, ())


def save(directory: Path, rules: Sequence[Rule]) -> None:
    """Write the rules down. Raises OSError."""
    _save(directory, FILE, [rule.as_json() for rule in rules])


def load_matches(directory: Path) -> tuple[Match, ...]:
    """Return the match rules on disk. Raises BadRule where the file is damaged."""
    return _load(directory / MATCHES, matches.parse_all, ())


def save_matches(directory: Path, rules: Iterable[Match]) -> None:
    """Write the match rules down. Raises OSError."""
    _save(directory, MATCHES, [rule.as_json() for rule in rules])


def load_capacities(directory: Path) -> Capacities:
    """Return what was measured of links. Raises BadRule where the file is damaged."""
    return _load(directory / CAPACITIES, _capacities, {})


def save_capacities(directory: Path, capacities: Capacities) -> None:
    """Write down what was measured. Raises OSError."""
    _save(directory, CAPACITIES, {name: dict(ways) for name, ways in capacities.items()})


def _capacities(found: Mapping[str, Mapping[str, int]]) -> Capacities:
    return {
        name: {way: max(int(bps), 0) for way, bps in ways.items()}
        for name, ways in found.items()
    }


def _load(path: Path, read: Callable[[Any], _Read], default: _Read) -> _Read:
    try:
        return read(json.loads(path.read_text()))
    except FileNotFoundError:
        return default
    except (ValueError, TypeError, AttributeError) as error:
        raise BadRule(f"{path}: {error}: delete it") from None


def _save(directory: Path, name: str, found: Any) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = directory / f".{name}"
    with beside.open("w") as file:
        json.dump(found, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(directory / name)
    sync(directory)
