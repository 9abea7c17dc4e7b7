"""Optional data beside the repository; tests that want it skip without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_root() -> Path:
    """Return the folder of optional data: WEIR_SHARED, or `shared` beside the repo."""
    return Path(os.environ.get("WEIR_SHARED", REPOSITORY.parent / "shared"))


def shared(path: str) -> Path:
    """Return data/<path> of the optional data, or skip the test with the reason."""
    found = find_shared(path)
    if found is None:
        pytest.skip(f"optional data {path} is not under {shared_root()} (set WEIR_SHARED)")
    return found


def find_shared(path: str) -> Path | None:
    """Return the same path, or None: for parametrising at import."""
    found = shared_root() / "data" / path
    return found if found.exists() else None
