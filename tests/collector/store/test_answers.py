"""What engines answer, and how parameters are written for them."""

from __future__ import annotations

from typing import Any

import pytest

from collector.store.answers import first_line, literal, rows_of


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        (" \n", []),
        ('{"meta": [{"name": "a"}], "data": []}', []),
        ('{"meta": [{"name": "a"}, {"name": "b"}], "data": [[1, "x"], [2, "y"]]}',
         [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    ],
)  # fmt: skip
def test_rows(text: str, rows: list[dict[str, Any]]):
    assert rows_of(text) == rows


def test_a_row_of_another_length_is_no_answer():
    with pytest.raises(ValueError, match="zip"):
        rows_of('{"meta": [{"name": "a"}], "data": [[1, 2]]}')


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("it's", "it\\'s"),
        ("a\\b", "a\\\\b"),
        ("\t\n", "\\t\\n"),
        (7, "7"),
        ([], "[]"),
        ([1, 2.5], "[1,2.5]"),
        (["a'b", "c"], "['a\\'b','c']"),
        (("\\'",), "['\\\\\\'']"),
    ],
)
def test_literals(value: Any, written: str):
    assert literal(value) == written


def test_an_error_is_its_first_line_and_not_all_of_it():
    assert first_line("Code 60.\nstack\nstack") == "Code 60."
    assert len(first_line(ValueError("x" * 9000))) == 400
    assert first_line("") == ""
