"""Real collectors for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.embedded import Embedded
from collector.store.tables import Site
from tests.collector.lives import BreakingStore
from tests.collector.support import PASSWORD, Server


@pytest.fixture(scope="session")
def chdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The one chDB that a process can have."""
    one = Embedded(tmp_path_factory.mktemp("chdb") / "store")
    yield one
    one.close()


@pytest.fixture
def store(chdb: Embedded) -> BreakingStore:
    """Empty tables."""
    one = BreakingStore(chdb, Site("weir_test"))
    chdb.execute("DROP DATABASE IF EXISTS weir_test")
    one.migrate()
    return one


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running collector without sign-in."""
    one = Server(tmp_path / "data").start()
    yield one
    if one.process and one.process.poll() is None:
        one.kill()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running collector without sign-in; each test sends under a name of its own."""
    one = Server(
        tmp_path_factory.mktemp("shared") / "data", "--request-rate", "10000"
    ).start()
    yield one
    if one.process and one.process.poll() is None:
        one.kill()


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A collector with local users ada (admin) and vera (viewer)."""
    server = Server(
        tmp_path_factory.mktemp("guarded") / "data", "--request-rate", "10000", auth="local"
    )
    for name, role in (("ada", "admin"), ("vera", "viewer")):
        done = server.command("user", "add", name, "--role", role, text=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
    server.start()
    yield server
    server.kill()
