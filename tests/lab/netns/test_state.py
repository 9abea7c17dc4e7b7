"""The record of a lab: whole or absent, and never another process's number."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.netns import state


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "DIRECTORY", tmp_path / "lab")
    return tmp_path / "lab"


def test_what_is_saved_is_loaded(directory: Path) -> None:
    kept = state.State(
        "p", 3, ["p-router"], [{"pid": 1, "started": 2, "what": "x"}], ["/d"]
    )
    state.save(kept)
    assert state.load("p") == kept
    state.forget("p")
    assert state.load("p") is None
    assert not directory.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"prefix": 1, "strange": 2}', "null"])
def test_half_a_record_is_no_record(directory: Path, text: str) -> None:
    directory.mkdir()
    state.state_path("p").write_text(text)
    assert state.load("p") is None


def test_a_reused_number_is_another_process() -> None:
    own = {"pid": os.getpid(), "started": state.started_ticks(os.getpid()), "what": "self"}
    assert state.is_alive(own)
    assert not state.is_alive(own | {"started": 1})
    assert state.end_processes([own | {"started": 1}]) == []


def test_a_process_is_ended_and_named() -> None:
    sleeper = subprocess.Popen(["sleep", "30"])
    state.remember_process("p", sleeper.pid, "a sleeper")
    record = state.load("p")
    assert record is not None
    assert state.end_processes(record.processes) == ["a sleeper"]
    sleeper.wait()
    assert state.started_ticks(sleeper.pid) is None


def test_forgetting_leaves_other_labs(directory: Path) -> None:
    state.save(state.State("p"))
    state.save(state.State("q"))
    state.forget("p")
    assert state.load("q") == state.State("q")
