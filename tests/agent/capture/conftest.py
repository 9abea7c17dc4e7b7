"""Maps of the default back end, pinned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.capture.backends import prebuilt
from agent.capture.loader import pins

SIZES = {"flows": 64, "closing": 64, "samples": 64, "reported": 128}


@pytest.fixture
def pinned(pin_directory: Path) -> Iterator[pins.Pinned]:
    made = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    yield made
    made.close()
