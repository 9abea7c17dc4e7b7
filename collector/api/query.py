"""URL to checked values: times, spans, limits; every mistake is one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from collector.records import Refused

SPAN_DEFAULT_SECONDS: Final = 3600
POINTS_MAX: Final = 2000
"""Buckets of one series: a screen has fewer pixels than twice this."""
UNIX_MAX: Final = 4102444800.0  # 2100-01-01


def span(values: Mapping[str, str], now: float) -> tuple[int, int]:
    """Return from and to in unix ms, the end excluded; default: the last hour.

    Raises Refused.
    """
    end = moment(values, "to", now, now)
    start = moment(values, "from", end - SPAN_DEFAULT_SECONDS, now)
    if start >= end:
        raise Refused(400, "from: must be before to")
    return round(start * 1000), round(end * 1000)


def moment(values: Mapping[str, str], name: str, default: float, now: float) -> float:
    """Return a time in unix seconds, given as such, as ISO 8601 or as -SECONDS from now."""
    text = values.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = iso(text)
    if seconds < 0:
        seconds += now
    if not 0 <= seconds <= UNIX_MAX:
        raise Refused(400, f"{name}: {text[:40]!r} is not unix seconds or an ISO 8601 time")
    return seconds


def iso(text: str) -> float:
    """Return an ISO 8601 text in unix seconds, NaN when it is none; no zone: UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def whole(values: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number within bounds. Raises Refused."""
    text = values.get(name)
    if text is None:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise Refused(400, f"{name}: {text[:40]!r} is not a whole number")
    if not low <= int(text) <= high:
        raise Refused(400, f"{name}: must be between {low} and {high}")
    return int(text)


def choice(
    values: Mapping[str, str], name: str, default: str, words: tuple[str, ...]
) -> str:
    """Return one of some words. Raises Refused."""
    text = values.get(name, default)
    if text not in words:
        raise Refused(
            400, f"{name}: must be one of {', '.join(word or '-' for word in words)}"
        )
    return text


def names(values: Mapping[str, str], name: str) -> list[str]:
    """Return the names between commas; none means all."""
    return [part for part in values.get(name, "").split(",") if part]


def flag(values: Mapping[str, str], name: str) -> bool:
    """Return whether a switch is on. Raises Refused."""
    return choice(values, name, "false", ("true", "false", "1", "0")) in ("true", "1")


def step_ms(values: Mapping[str, str], over: tuple[int, int]) -> int:
    """Return a series' bucket length in milliseconds, long enough for POINTS_MAX."""
    least = math.ceil((over[1] - over[0]) / 1000 / POINTS_MAX)
    asked = whole(values, "step", max(60, least), 1, 366 * 86400)
    if asked < least:
        raise Refused(
            400, f"step: {asked} s makes more than {POINTS_MAX} points; use {least}"
        )
    return asked * 1000
