"""What settings come to: rules in force, the filter, the names that are there."""

from __future__ import annotations

import dataclasses
import fnmatch
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.capture.filter import compiled
from agent.capture.speed import speed_bps
from agent.capture.syntax import BadFilter
from agent.config import Capture, Config
from agent.qos import matches as matching
from agent.qos.apply import given
from agent.qos.matches import Match
from agent.qos.rules import BadRule, Rule
from agent.qos.section import Settings, parse
from agent.records import Array
from wire.settings import ConfigError


def regulation(config: Config) -> Settings:
    """The [qos] section. Raises ConfigError."""
    try:
        return parse(config.qos)
    except BadRule as error:
        raise ConfigError(str(error)) from None


def qos_directory(config: Config) -> Path:
    """Where journal, notes and given rules of QoS are."""
    return Path(config.agent.data_dir) / "qos"


def regulation_in_force(config: Config) -> Settings:
    """The [qos] section with what the API was given and what was measured.

    Raises ConfigError.
    """
    settings, directory = regulation(config), qos_directory(config)
    try:
        return joined(
            settings.having(given.load_capacities(directory)),
            given.load(directory),
            given.load_matches(directory),
        )
    except BadRule as error:
        raise ConfigError(str(error)) from None


def joined(settings: Settings, rules: Iterable[Rule], matches: Sequence[Match]) -> Settings:
    """The settings with rules and match rules that the API was given."""
    own = {rule.traffic_type: rule for rule in settings.rules}
    in_force = {**own, **{rule.traffic_type: rule for rule in rules}}
    return dataclasses.replace(
        settings,
        rules=tuple(in_force.values()),
        matches=matching.joined(matches, settings.matches),
    )


def speeds(settings: Settings) -> dict[str, int]:
    """What the devices say of their speed, bit/s by name."""
    return {one.name: speed_bps(one.name) for one in settings.interfaces}


def capture_filter(text: str) -> Array:
    """The filter as the kernel takes it. Raises ConfigError."""
    try:
        return compiled(text)
    except BadFilter as error:
        raise ConfigError(f"[capture] {error}") from None


def absent(capture: Capture) -> list[str]:
    """The names and globs that no interface has at the moment."""
    names = [name for _, name in socket.if_nameindex()]
    return [
        pattern
        for pattern in capture.interfaces
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names)
    ]
