"""What engines answer: rows out of JSONCompact, parameters in, one kind of error."""

from __future__ import annotations

import json
from typing import Any


class StoreError(Exception):
    """The store refused or failed; the text is ClickHouse's first line."""


def rows_of(text: str) -> list[dict[str, Any]]:
    """Turn a JSONCompact answer into one dict a row; nothing at all into no rows.

    Raises StoreError: a query that fails late ends its answer with the reason.
    """
    if not text.strip():
        return []
    try:
        answer = json.loads(text)
        names = [column["name"] for column in answer["meta"]]
        return [dict(zip(names, row, strict=True)) for row in answer["data"]]
    except (ValueError, KeyError, TypeError) as error:
        end = text.rstrip().rpartition("\n")[2]
        raise StoreError(f"the answer broke off: {first_line(end)}") from error


def first_line(error: Exception | str) -> str:
    """Return the first line of a message, short enough for a log."""
    return str(error).partition("\n")[0][:400]


def literal(value: Any) -> str:
    """Return a parameter's value as ClickHouse reads it from a URL."""
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(quoted, value)) + "]"
    return escaped(str(value))


def quoted(value: Any) -> str:
    """Return one element of an array."""
    return str(value) if isinstance(value, (int, float)) else f"'{escaped(str(value))}'"


def escaped(text: str) -> str:
    """Escape what ends a value in ClickHouse's text form."""
    for character, replacement in (
        ("\\", "\\\\"),
        ("'", "\\'"),
        ("\t", "\\t"),
        ("\n", "\\n"),
    ):
        text = text.replace(character, replacement)
    return text
