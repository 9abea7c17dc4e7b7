"""Which page is made by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from reference import commands, metrics, routes, settings

ROOT: Final = Path(__file__).resolve().parents[1]

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/configuration.md": settings.page,
    "docs/cli.md": commands.page,
    "docs/metrics.md": metrics.page,
    "docs/paths.md": routes.page,
}


def stale() -> list[str]:
    """Return the pages that differ from what would be written."""
    return [
        path
        for path, page in PAGES.items()
        if not (ROOT / path).exists() or (ROOT / path).read_text("utf-8") != page()
    ]


def write() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), "utf-8")
