from __future__ import annotations

from dataclasses import dataclass

import pytest
import tomli

from wire.settings import (
    ConfigError,
    File,
    between,
    example,
    key,
    matching,
    one_of,
    overrides,
    rows,
)


@dataclass(frozen=True)
class Room:
    """Settings of a room."""

    width: int = key(3, "how wide", between(1, 9))
    colour: str = key("red", "which colour", one_of("red", "blue"))
    names: tuple[str, ...] = key(("a", "b", "c", "d"), "who")
    quiet: bool = key(False, "no noise")
    secret: str = key("", "a word", matching("[a-z]*", "small letters"), secret=True)
    other: int = 5  # no setting


ROWS = tuple(rows("room", Room))


def test_rows_are_the_declared_settings():
    assert [row.name for row in ROWS] == ["width", "colour", "names", "quiet", "secret"]
    assert ROWS[0].flag == "--width"


def test_the_example_is_toml_with_the_defaults():
    text = example("[room]", "A room.", ROWS)
    assert tomli.loads(text) == {
        "room": {
            "width": 3,
            "colour": "red",
            "names": ["a", "b", "c", "d"],
            "quiet": False,
            "secret": "",
        }
    }
    assert "# How wide (between 1 and 9).\nwidth = 3\n" in text
    assert tomli.loads(example("# [room]", "A room.", ROWS[:2], lead="# ")) == {}


@pytest.mark.parametrize("value", ["S3CRET", 5])
def test_a_refused_secret_is_not_shown(value):
    reason = ROWS[4].checked(value)[1]
    assert reason in ("must be small letters", "must be text in quotes")
    assert "hush" not in repr(Room(secret="hush"))


def test_lines_are_found_in_odd_but_valid_toml(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('a = 1\n\n[ room ]\n"width" = 20\n')
    with pytest.raises(ConfigError) as refusal:
        File(path, path.read_bytes()).tables(("room",), ())
    assert str(refusal.value) == f"{path}:1: a: unknown section: there are [room]"
    path.write_text('\n\n[ room ]\n"width" = 20\n')
    file = File(path, path.read_bytes())
    tables = file.tables(("room",), ())
    with pytest.raises(ConfigError) as refusal:
        file.values(ROWS, "room", tables["room"])
    reason = "must be between 1 and 9, not 20"
    assert str(refusal.value) == f"{path}:4: [room] width: {reason}"


def test_a_flag_wins_over_a_variable_and_others_variables_are_left_alone():
    table = {row.name: row for row in ROWS}
    environment = {
        "WEIR_X_WIDTH": "5",
        "WEIR_X_COLOUR": "blue",
        "WEIR_X_SERVICE_HOST": "10.0.0.1",
        "WEIR_Y_WIDTH": "no number",
    }
    values = overrides(table, "WEIR_X_", environment, {"width": "7"})
    assert values == {"width": 7, "colour": "blue"}


@pytest.mark.parametrize(
    ("environment", "flags", "message"),
    [
        (
            {"WEIR_X_WIDHT": "5"},
            {},
            "WEIR_X_WIDHT: unknown setting: see config.toml.example",
        ),
        ({"WEIR_X_WIDTH": "x"}, {}, "WEIR_X_WIDTH: must be a whole number, not 'x'"),
        ({}, {"width": "10"}, "--width: must be between 1 and 9, not 10"),
    ],
)
def test_a_bad_variable_or_flag_is_named_as_it_was_written(environment, flags, message):
    table = {row.name: row for row in ROWS}
    with pytest.raises(ConfigError) as refusal:
        overrides(table, "WEIR_X_", environment, flags)
    assert str(refusal.value) == message
