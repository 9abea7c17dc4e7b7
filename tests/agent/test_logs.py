"""Log lines for people, for journald and for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from agent import logs

Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """Configure, log once, return what came out; the root logger is put back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def say(
        form: str, how: int, text: str, *, journal: bool = False, level: str = "DEBUG"
    ) -> str:
        for handler in before:
            root.removeHandler(handler)
        logs.configure(level, form, journal=journal)
        logging.getLogger("weir.test").log(how, text)
        return capsys.readouterr().err

    yield say
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("how", "journal", "line"),
    [
        (logging.INFO, False, "INFO hello\n"),
        (logging.CRITICAL, False, "CRITICAL hello\n"),
        (logging.DEBUG, True, "<7>hello\n"),
        (logging.INFO, True, "<6>hello\n"),
        (logging.WARNING, True, "<4>hello\n"),
        (logging.ERROR, True, "<3>hello\n"),
        (25, True, "<6>hello\n"),  # a level that nobody has named
    ],
)
def test_levels(said: Said, how: int, journal: bool, line: str):
    assert said("text", how, "hello", journal=journal) == line


def test_a_message_of_several_lines_is_one(said: Said):
    assert said("text", logging.INFO, "a\nb\n", journal=True) == "<6>a | b | \n"
    assert said("json", logging.INFO, "a\nb").count("\n") == 1


def test_below_the_level_nothing_is_said(said: Said):
    assert said("text", logging.INFO, "hello", level="WARNING") == ""


def test_json_holds_what_a_machine_asks_for(said: Said):
    fields = json.loads(said("json", logging.WARNING, 'with "quotes"'))
    assert fields.pop("time") > 1e9
    assert fields == {
        "level": "warning", "logger": "weir.test", "message": 'with "quotes"'
    }  # fmt: skip


def test_a_failure_is_told_with_its_traceback_in_one_line(
    said: Said, capsys: pytest.CaptureFixture[str]
):
    said("json", logging.INFO, "")
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("weir.test").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]
