"""A place for pins, two ends of a cable, a daemon between: gone after the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from agent.capture.loader import pins
from agent.daemon import Daemon
from tests.agent.running import config, started
from tests.support.namespaces import Namespace, World

_NUMBERS = count()


@pytest.fixture
def pin_directory() -> Iterator[Path]:
    directory = Path(f"/sys/fs/bpf/weir-twin-{os.getpid()}-{next(_NUMBERS)}")
    yield directory
    pins.remove(directory)


@pytest.fixture
def ends(netns: World) -> Iterator[tuple[Namespace, Namespace]]:
    """left0 and right0, the test being on the right. Mark such tests `root`."""
    left, right = netns.pair(quiet=True)
    with right.entered():
        yield left, right


@pytest.fixture
def one(
    tmp_path: Path, pin_directory: Path, ends: tuple[Namespace, Namespace]
) -> Iterator[Daemon]:
    """A daemon at right0 that nothing ticks."""
    with started(config(tmp_path, pin_directory)) as made:
        yield made
