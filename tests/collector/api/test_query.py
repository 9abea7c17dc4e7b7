"""URL to checked values."""

from __future__ import annotations

import pytest

from collector.api import query
from collector.records import Refused


def test_spans():
    now = 10_000.0
    assert query.span({}, now) == (6_400_000, 10_000_000)
    assert query.span({"from": "-60"}, now) == (9_940_000, 10_000_000)
    assert query.span({"from": "1970-01-01T00:00:10", "to": "20.5"}, now) == (
        10_000,
        20_500,
    )
    assert query.span({"from": "1970-01-01T01:00:10+01:00", "to": "20"}, now)[0] == 10_000
    assert query.step_ms({}, (0, 3_600_000)) == 60_000
    assert query.step_ms({}, (0, 86_400_000 * 30)) == 1296 * 1000
    for wrong in ("1e9999", "inf", "x", "1970-13-01"):
        with pytest.raises(Refused):
            query.span({"from": wrong}, now)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("1.5", 1.5), ("-60", 940.0), ("1970-01-01T00:01:00", 60.0),
        ("1970-01-01T01:00:00+01:00", 0.0), ("1970-01-02", 86400.0),
    ],
)  # fmt: skip
def test_moments(text: str, seconds: float):
    assert query.moment({"at": text}, "at", 7.0, 1000.0) == seconds
    assert query.moment({}, "at", 7.0, 1000.0) == 7.0


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "-inf", "-1001", "4102444801", "1970-13-01", "1e400"]
)
def test_texts_that_are_no_moment(text: str):
    with pytest.raises(Refused, match="at: "):
        query.moment({"at": text}, "at", 7.0, 1000.0)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("9", 9), ("007", 7), (None, 5)])
def test_whole_numbers(text: str | None, number: int):
    values = {} if text is None else {"n": text}
    assert query.whole(values, "n", 5, 1, 9) == number


@pytest.mark.parametrize(
    "text", ["", "-", "0", "10", "-1", "--1", "1.0", "x", "²", "٣", "1" * 16, " 1"]
)
def test_texts_that_are_no_whole_number_within_bounds(text: str):
    with pytest.raises(Refused, match="n: ") as refusal:
        query.whole({"n": text}, "n", 5, 1, 9)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("text", "found"), [("", []), (",", []), ("a", ["a"]), ("a,,b,", ["a", "b"])]
)
def test_names(text: str, found: list[str]):
    assert query.names({"agents": text}, "agents") == found
    assert query.names({}, "agents") == []


@pytest.mark.parametrize(
    ("text", "on"), [("true", True), ("1", True), ("false", False), ("0", False)]
)
def test_flags(text: str, on: bool):
    assert query.flag({"x": text}, "x") is on
    assert query.flag({}, "x") is False
    with pytest.raises(Refused, match="true, false"):
        query.flag({"x": text + "!"}, "x")


@pytest.mark.parametrize(
    ("seconds", "asked", "step_ms"),
    [(3600, None, 60_000), (3600, "2", 2_000), (2000 * 3600, None, 3_600_000),
     (2000 * 3600, "3600", 3_600_000), (1, "1", 1_000)],
)  # fmt: skip
def test_steps_are_long_enough_for_a_screen(seconds: int, asked: str | None, step_ms: int):
    values = {} if asked is None else {"step": asked}
    assert query.step_ms(values, (0, seconds * 1000)) == step_ms
    with pytest.raises(Refused, match="makes more than 2000 points"):
        query.step_ms({"step": "1"}, (0, 2_001_000))
