"""weir-lab as the user meets it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from lab.__main__ import COMMANDS, main, reason


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
