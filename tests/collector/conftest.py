"""Real collectors for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.embedded import Embedded
from tests.collector.support import Server


@pytest.fixture(scope="session")
def chdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The one chDB that a process can have."""
    one = Embedded(tmp_path_factory.mktemp("chdb") / "store")
    yield one
    one.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running collector without sign-in."""
    one = Server(tmp_path / "data").start()
    yield one
    if one.process and one.process.poll() is None:
        one.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running collector without sign-in for all tests of a module."""
    one = Server(
        tmp_path_factory.mktemp("shared") / "data", "--request-rate", "10000"
    ).start()
    yield one
    if one.process and one.process.poll() is None:
        one.kill()
