"""Plug-ins of the agent: whose files are taken, and what becomes of one that misbehaves."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from agent.plugins import SKIPPED_LIMIT, WAITING_FLOWS, WAITING_WALKS, Plugin, Plugins, load
from agent.records import FLOW_DELTA, Ending
from agent.reports import PluginState
from wire.listeners import FAILURES_LIMIT, Listeners
from wire.settings import ConfigError

PATIENCE_S = 20
GOOD = "class Good:\n    def on_flow_end(self, flow):\n        pass\n"


def walk(*rows: tuple[bool, int]) -> np.ndarray:
    deltas = np.zeros(len(rows), FLOW_DELTA)
    deltas["new"] = [new for new, _ in rows]
    deltas["ending"] = [ending for _, ending in rows]
    deltas["id"] = range(1, len(rows) + 1)
    return deltas


class Notes:
    def __init__(self) -> None:
        self.heard: list[tuple[str, list[int]]] = []

    def on_flow_start(self, flow: np.void) -> None:
        self.heard.append(("start", [int(flow["id"])]))

    def on_flows_update(self, flows: np.ndarray) -> None:
        self.heard.append(("update", flows["id"].tolist()))

    def on_flow_end(self, flow: np.void) -> None:
        self.heard.append(("end", [int(flow["id"])]))


def plugins(*listeners: object) -> Plugins:
    return Plugins(Plugin(type(one).__name__, Listeners([one])) for one in listeners)


def test_a_walk_is_told_as_starts_updates_and_ends() -> None:
    notes = Notes()
    told = plugins(notes)
    told.hear(walk((True, 0), (False, 0), (False, 0), (True, Ending.FIN)))
    told.leave(PATIENCE_S)
    assert notes.heard == [
        ("start", [1]), ("start", [4]), ("update", [2, 3]), ("end", [4]),
    ]  # fmt: skip
    assert told.all[0].walks == 1


def test_one_that_hangs_is_skipped_then_left_alone_and_holds_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release, notes = threading.Event(), Notes()

    class Hanging:
        def on_flow_start(self, _flow: np.void) -> None:
            release.wait(PATIENCE_S)

    told = plugins(Hanging(), notes)
    for _ in range(WAITING_WALKS + SKIPPED_LIMIT + 3):
        told.hear(walk((True, 0)))
        # The quick one is ready again before the next walk; there are seconds between.
        for _ in range(PATIENCE_S * 100):
            if not told.all[1].waiting:
                break
            release.wait(0.01)
    hanging, quick = told.all
    assert hanging.dropped
    assert hanging.skipped == SKIPPED_LIMIT
    assert not hanging.waiting  # it may hang for ever: nothing is kept for it
    assert told.states() == (
        PluginState("Hanging", 0, SKIPPED_LIMIT, 0, is_dropped=True),
        PluginState("Notes", WAITING_WALKS + SKIPPED_LIMIT + 3),
    )
    assert quick.walks == WAITING_WALKS + SKIPPED_LIMIT + 3
    lines = [record.message for record in caplog.records]
    assert lines == [
        "plug-in Hanging: too slow, it missed 5 walks in a row: left alone until a restart"
    ]
    release.set()
    told.leave(PATIENCE_S)


def test_what_waits_is_bounded() -> None:
    release = threading.Event()

    class Hanging:
        def on_flow_start(self, _flow: np.void) -> None:
            release.wait(PATIENCE_S)

    told = plugins(Hanging())
    half = walk(*[(True, 0)] * (WAITING_FLOWS // 2))
    for _ in range(3):
        told.hear(half)
    assert (len(told.all[0].waiting), told.all[0].skipped) == (2, 1)
    told.hear(walk())
    assert (len(told.all[0].waiting), told.all[0].missed) == (3, 0)
    told.all[0].dropped = True
    release.set()


def test_one_that_raises_is_named_once_and_in_the_end_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        def on_flow_start(self, _flow: np.void) -> None:
            raise ValueError("no")

    told = plugins(Broken())
    caplog.set_level(logging.WARNING)
    for _ in range(FAILURES_LIMIT + 5):
        told.hear(walk((True, 0)))
        for _ in range(PATIENCE_S * 100):
            if not told.all[0].waiting or told.all[0].dropped:
                break
            threading.Event().wait(0.01)
    assert told.all[0].failures == FAILURES_LIMIT
    assert told.all[0].dropped
    assert [record.message for record in caplog.records] == [
        "plug-in Broken: ValueError: no: correct it",
        "plug-in Broken: it always fails, ValueError: no: left alone until a restart",
    ]


@pytest.mark.root
def test_a_file_of_root_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD)
    found = load(["mine:Good"], tmp_path)
    assert [one.name for one in found.all] == ["mine:Good"]
    found.leave()
    with pytest.raises(ConfigError, match="mine:Good: comes twice: keep one"):
        load(["mine:Good", "mine:Good"], tmp_path)


@pytest.mark.root
@pytest.mark.parametrize(
    ("name", "text", "mode", "owner", "directory", "reason"),
    [
        ("mine:Good", GOOD, 0o666, 0, 0o755, "mine.py: others than root may write there"),
        ("mine:Good", GOOD, 0o660, 0, 0o755, "mine.py: others than root may write there"),
        ("mine:Good", GOOD, 0o644, 1, 0o755, "mine.py: others than root may write there"),
        ("mine:Good", GOOD, 0o644, 0, 0o777, "others than root may write there: chown"),
        ("none:Good", GOOD, 0o644, 0, 0o755, "No such file or directory"),
        ("mine:Bad", GOOD, 0o644, 0, 0o755, "AttributeError"),
        ("mine:Good", "1 / 0", 0o644, 0, 0o755, "ZeroDivisionError: division by zero"),
        ("mine:Good", "def", 0o644, 0, 0o755, "SyntaxError"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, name: str, text: str, mode: int, owner: int, directory: int, reason: str
) -> None:
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "mine.py").write_text(text)
    (place / "mine.py").chmod(mode)
    os.chown(place / "mine.py", owner, 0)
    place.chmod(directory)
    with pytest.raises(ConfigError) as refused:
        load([name], place)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.root
def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text(GOOD)
    (tmp_path / "mine.py").symlink_to(tmp_path / "there.py")
    with pytest.raises(ConfigError, match="put a plain file there"):
        load(["mine:Good"], tmp_path)
