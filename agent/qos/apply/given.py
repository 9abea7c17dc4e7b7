"""Rules that the API was given, on disk so that they outlive the agent."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.qos.rules import BadRule, Rule, parse_all

FILE: Final = "rules.json"


def in_force(own: Sequence[Rule], directory: Path) -> tuple[Rule, ...]:
    """Return the settings' rules, replaced and joined by those on disk. Raises BadRule."""
    given = {rule.traffic_type: rule for rule in load(directory)}
    return tuple({**{rule.traffic_type: rule for rule in own}, **given}.values())


def load(directory: Path) -> tuple[Rule, ...]:
    """Return the rules on disk. Raises BadRule where the file is damaged."""
    path = directory / FILE
    try:
        return parse_all(json.loads(path.read_text()))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        raise BadRule(f"{path}: {error}: delete it") from None


def save(directory: Path, rules: Sequence[Rule]) -> None:
    """Write the rules down. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = directory / f".{FILE}"
    with beside.open("w") as file:
        json.dump([rule.as_json() for rule in rules], file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(directory / FILE)
