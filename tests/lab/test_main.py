"""weir-lab as the user meets it."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lab.__main__ import COMMANDS, main, reason
from lab.extract.engine import library_path
from tests.lab.extract.frames import Frame, ethernet, ip, pcap, save
from tests.shared_data import REPOSITORY


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_row_is_a_command(command, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(command.module)
    assert callable(module.main)
    with pytest.raises(SystemExit, match="0"):
        main([command.name, "--help"])
    assert command.help in capsys.readouterr().out.replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize("words", [[], ["sing"], ["traffic"], ["demo"], ["demo", "sing"]])
def test_wrong_words_end_with_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "usage: weir-lab" in capsys.readouterr().err


def test_help_loads_no_command() -> None:
    code = (
        "import sys; from lab.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'aiohttp' not in sys.modules and 'pyroute2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a reason"), "a reason"),
        (OSError("a reason"), "a reason"),
        (OSError(2, "No such file or directory", "/x"), "/x: No such file or directory"),
        (PermissionError(1, "Operation not permitted"), "Operation not permitted"),
    ],
)
def test_errors_are_one_line(error: Exception, line: str) -> None:
    assert reason(error) == line


def test_what_needs_the_agent_may_be_left_out(tmp_path: Path) -> None:
    leave = shutil.ignore_patterns(
        "__pycache__", "demo", "netns", "simulate", "stage", "native"
    )
    for room in ("lab", "wire", "agent"):
        shutil.copytree(REPOSITORY / room, tmp_path / room, ignore=leave)
    shutil.copy(library_path(), tmp_path)
    frame = Frame(1, ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(8))))
    save(tmp_path / "one.pcap", pcap([frame]))

    def lab(*words: str) -> subprocess.CompletedProcess[str]:
        # Without site, which would find the rooms of this checkout.
        return subprocess.run(
            [sys.executable, "-S", "-m", "lab", *words],
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path(np.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )

    listed = lab("--help").stdout
    assert "flows" in listed
    assert "demo" not in listed
    assert "simulate" not in listed
    done = lab("flows", "one.pcap", "--out", "out", "--progress", "none")
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "out" / "one.pcap_Flow.csv").read_text().splitlines()) == 2
