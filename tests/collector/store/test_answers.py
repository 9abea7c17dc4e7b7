"""What engines answer, and how parameters are written for them."""

from __future__ import annotations

from typing import Any

import pytest

from collector.store.answers import StoreError, first_line, literal, rows_of


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"meta": [{"name": "a"}], "data": [[1, 2]]}', "broke off"),
        (
            '{"meta": [{"name": "a"}],\n"data": [[1],\nCode: 159. Timeout exceeded',
            "Code: 159",
        ),
        ("[]", "broke off"),
    ],
)
def test_what_is_no_answer_is_an_error_of_the_store(text: str, reason: str):
    with pytest.raises(StoreError, match=reason):
        rows_of(text)


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
