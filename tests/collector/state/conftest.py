"""The control database, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.state.control import Control


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    one = Control(tmp_path)
    yield one
    one.close()
