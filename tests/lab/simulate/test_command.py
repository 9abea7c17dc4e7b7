"""`weir-lab simulate` from the outside, as far as it needs no collector."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.__main__ import main
from lab.simulate import table


def written(folder: Path, name: str, *words: str) -> bytes:
    path = folder / name
    assert main(["simulate", f"--csv={path}", *words]) == 0
    return path.read_bytes()


def test_equal_commands_write_equal_files(tmp_path: Path) -> None:
    path = tmp_path / "process"
    command = [sys.executable, "-W", "error", "-m", "lab", "simulate", f"--csv={path}"]
    done = subprocess.run([*command, "--seconds=30"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    one = written(tmp_path, "one", "--seconds=30", "--seed=1", "--endpoints=50")
    assert one == path.read_bytes()
    other = written(tmp_path, "other", "--seconds=30", "--seed=2")
    assert len(other.splitlines()) == len(one.splitlines()) == 3001
    assert other != one


def test_the_hour_of_a_file_is_the_one_it_was_given(tmp_path: Path) -> None:
    work = written(tmp_path, "work", "--start=2026-01-05T12:00+01:00", "--seconds=5")
    night = written(tmp_path, "night", "--start=2026-01-05T23:00+00:00", "--seconds=5")
    far = written(tmp_path, "far", "--start=2026-01-05T11:00-12:00", "--seconds=5")
    assert len(work.splitlines()) == 501
    assert len(night.splitlines()) < 501
    # Eleven in the morning, half a world away, is the same moment as 23:00 in Greenwich.
    assert len(far.splitlines()) == 501
    assert far.splitlines()[1].split(b",")[-1] > b"1767654000"


def test_what_was_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "flows.csv", "--seconds=3", "--json")
    told = json.loads(capsys.readouterr().out)
    flows = [second.flows for second in table.read(tmp_path / "flows.csv")]
    assert told["event"] == "end"
    assert told["flows"] == sum(map(len, flows)) == 300
    assert told["bytes"] == sum(int(part["bytes"].sum()) for part in flows)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to do: give --run, --backend-url URL or --csv FILE"),
        (["--run", "--backend-url=http://x"], "--run and --backend-url: one collector"),
        (["--csv=a", "--replay=b"], "--csv and --replay: there is such a file already"),
        (["--csv=a", "--speed=2"], "--speed: a file is written as fast as possible"),
        (["--run", "--speed=0"], "--speed 0: say how much with --seconds"),
        (["--backend-url=127.0.0.1:8080"], "--backend-url: must be http://"),
        (["--backend-url=http://127.0.0.1:9", "--switch-id=a b"],
         "--switch-id: must be up to 64"),
        (["--csv=/nowhere/a"], "/nowhere/a: No such file or directory"),
        (["--backend-url=http://127.0.0.1:9", "--replay=/nowhere/b"],
         "/nowhere/b: No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == 1
    errors = capsys.readouterr().err
    assert re.fullmatch(rf"weir-lab simulate: {re.escape(says)}.*\n", errors)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("--endpoints=0", "must be a whole number from 1 to 8000"),
        ("--endpoints=1.5", "must be a whole number from 1 to 8000"),
        ("--flows-per-second=0", "must be a number from 0.001 to 100000"),
        ("--flows-per-second=nan", "must be a number from 0.001 to 100000"),
        ("--seconds=0", "must be a whole number from 1 to"),
        ("--seed=-1", "must be a whole number from 0 to"),
        ("--speed=-1", "must be a number from 0 to"),
        ("--start=2026-01-05T09:00", "not like 2026-01-05T09:00+01:00"),
        ("--start=1969-12-31T23:00-12:00", "not like 2026-01-05T09:00+01:00"),
        ("--start=9999-01-01T00:00+00:00", "not like 2026-01-05T09:00+01:00"),
        ("--port=65536", "must be a whole number from 1 to 65535"),
        ("--start=yesterday", "not like 2026-01-05T09:00+01:00"),
    ],
)
def test_values_that_are_none(
    word: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["simulate", "--csv=/nowhere/a", word])
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_malformed_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "flows.csv"
    words = ["simulate", "--backend-url=http://127.0.0.1:9", f"--replay={path}"]
    path.write_text("a,b\n")
    assert main(words) == 1
    line = f"weir-lab simulate: {path}:1: the header is not src_mac,src_ip,"
    assert capsys.readouterr().err.startswith(line)
    path.write_text(",".join(table.COLUMNS) + "\n")
    assert main(words) == 1
    assert capsys.readouterr().err == f"weir-lab simulate: {path}: no flows there\n"
