from __future__ import annotations

from dataclasses import dataclass

import pytest
import tomli

from agent.settings import ConfigError, File, between, example, key, matching, one_of, rows


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
    file = File(path)
    with pytest.raises(ConfigError) as refusal:
        file.tables(("room",), ())
    assert str(refusal.value) == f"{path}:1: a: unknown section: there are [room]"
    path.write_text('\n\n[ room ]\n"width" = 20\n')
    tables = file.tables(("room",), ())
    with pytest.raises(ConfigError) as refusal:
        file.values(ROWS, "room", tables["room"])
    reason = "must be between 1 and 9, not 20"
    assert str(refusal.value) == f"{path}:4: [room] width: {reason}"
