"""Everything off the router, after the last counts are on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import assemble, farewell
from agent.config import Agent, Capture, Config
from agent.daemon import open_spool
from agent.ship.spool import Spool, SpoolError
from tests.support.agents import totals, unbalanced
from tests.support.mix import mixed
from tests.support.namespaces import Namespace, World
from tests.support.sending import Sender, pack
from wire.batch import Batch, decode
from wire.frame import decompress

NEVER = "the spool was opened for nothing"


def config(folder: Path, pins: Path) -> Config:
    return Config(
        Agent(data_dir=str(folder), runtime_dir=str(folder), buffer_mb=1),
        Capture(interfaces=("right0",), pin_directory=str(pins), max_flows=1024, xdp="off",
                loader="libbpf"),
    )  # fmt: skip


def never() -> Spool:
    raise AssertionError(NEVER)


def test_nothing_attached_is_nothing_to_do(tmp_path: Path):
    assert farewell.detach(config(tmp_path, tmp_path / "pins"), never) == [
        "nothing was attached"
    ]


@pytest.fixture
def right(netns: World) -> Iterator[tuple[Namespace, Namespace]]:
    left, right = netns.pair(quiet=True)
    with right.entered():
        yield left, right


def batches(spool: Spool) -> list[Batch]:
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(decode(decompress(oldest.body, oldest.coding, 1 << 24)))
        spool.acknowledge()
    return found


@pytest.mark.root
def test_what_was_counted_is_kept_and_everything_goes(
    tmp_path: Path, pin_directory: Path, right: tuple[Namespace, Namespace]
):
    settings = config(tmp_path, pin_directory)
    session = assemble.session(settings)
    session.watch.refresh()
    packed = pack([frame for frame, _ in mixed(3, 500)])
    with Sender(right[0], "left0") as sender:
        sender.send_packed(packed)
    right[1].wait_quiet("right0")
    session.close()
    said = farewell.detach(settings, lambda: open_spool(settings))
    assert said == ["right0: detached", "1 batches kept for delivery"]
    assert not pin_directory.exists()
    spool = open_spool(settings)
    sums = totals(batches(spool), "right0")
    spool.close()
    assert sums["rx", "seen", "frames"] == 500
    assert unbalanced(sums) == {}
    assert farewell.detach(settings, never) == ["nothing was attached"]


@pytest.mark.root
def test_counts_that_cannot_be_kept_stay_where_they_are(
    tmp_path: Path, pin_directory: Path, right: tuple[Namespace, Namespace]
):
    settings = config(tmp_path, pin_directory)
    session = assemble.session(settings)
    session.watch.refresh()
    session.close()

    def refused() -> Spool:
        raise SpoolError("data_dir: in use")

    with pytest.raises(SpoolError):
        farewell.detach(settings, refused)
    assert (pin_directory / "maps" / "epoch").exists()
    assert len(list((pin_directory / "links").iterdir())) == 2
