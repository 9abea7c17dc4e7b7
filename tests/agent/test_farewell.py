"""Everything off the router, after the last counts are on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import assemble, farewell
from agent.capture.session import Session
from agent.config import Config
from agent.daemon import open_spool
from agent.ship.spool import Spool, SpoolError
from tests.agent.running import config, send
from tests.support.agents import drained, totals, unbalanced
from tests.support.namespaces import Namespace

NEVER = "the spool was opened for nothing"


def never() -> Spool:
    raise AssertionError(NEVER)


def test_nothing_attached_is_nothing_to_do(tmp_path: Path):
    assert farewell.detach(config(tmp_path, tmp_path / "pins"), never) == [
        "nothing was attached"
    ]


@pytest.fixture
def settings(
    tmp_path: Path, pin_directory: Path, ends: tuple[Namespace, Namespace]
) -> Config:
    return config(tmp_path, pin_directory)


def watching(settings: Config) -> Session:
    """Programs at right0, and no daemon."""
    session = assemble.session(settings)
    session.watch.refresh()
    return session


@pytest.mark.root
def test_what_was_counted_is_kept_and_everything_goes(
    settings: Config, pin_directory: Path, ends: tuple[Namespace, Namespace]
):
    session = watching(settings)
    send(*ends, 500)
    session.close()
    said = farewell.detach(settings, lambda: open_spool(settings))
    assert said == ["right0: detached", "1 batches kept for delivery"]
    assert not pin_directory.exists()
    spool = open_spool(settings)
    sums = totals(list(drained(spool)), "right0")
    spool.close()
    assert sums["rx", "seen", "frames"] == 500
    assert unbalanced(sums) == {}
    assert farewell.detach(settings, never) == ["nothing was attached"]


@pytest.mark.root
def test_counts_that_cannot_be_kept_stay_where_they_are(
    settings: Config, pin_directory: Path
):
    watching(settings).close()

    def refused() -> Spool:
        raise SpoolError("data_dir: in use")

    with pytest.raises(SpoolError):
        farewell.detach(settings, refused)
    assert (pin_directory / "maps" / "epoch").exists()
    assert len(list((pin_directory / "links").iterdir())) == 2
