"""A place for pins, gone after the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from agent.capture.loader import pins

_NUMBERS = count()


@pytest.fixture
def pin_directory() -> Iterator[Path]:
    directory = Path(f"/sys/fs/bpf/weir-twin-{os.getpid()}-{next(_NUMBERS)}")
    yield directory
    pins.remove(directory)
