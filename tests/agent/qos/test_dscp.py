from __future__ import annotations

import pytest

from agent.qos import dscp
from agent.records import CLASS_NAMES


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        # unknown voice video interactive web file background
        ("standard", (0, 46, 34, 18, 0, 10, 1)),
        ("predecessor", (0, 46, 46, 0, 0, 10, 0)),
    ],
)
def test_profiles(profile, expected):
    assert dscp.marks(profile) == expected


def test_standard_gives_every_code_point_back_to_its_class():
    for name, mark in zip(CLASS_NAMES, dscp.marks("standard"), strict=True):
        expected = "unknown" if mark == 0 else name
        assert dscp.class_of_mark(mark) == expected


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        (46, "voice"), (44, "voice"), (40, "voice"),
        (34, "video"), (38, "video"), (32, "video"), (24, "video"),
        (18, "interactive"), (45, "interactive"), (48, "interactive"), (16, "interactive"),
        (10, "file"), (14, "file"),
        (1, "background"), (8, "background"),
        (0, "unknown"), (2, "unknown"), (63, "unknown"), (47, "unknown"),
    ],
)  # fmt: skip
def test_class_of_mark(mark, name):
    assert dscp.class_of_mark(mark) == name


def test_every_mark_has_a_known_class():
    assert {dscp.class_of_mark(mark) for mark in range(64)} <= set(CLASS_NAMES)


def test_operator_overrides():
    changed = dscp.marks("standard", {"video": 26, "web": 12})
    assert changed == (0, 46, 26, 18, 12, 10, 1)


@pytest.mark.parametrize(
    ("profile", "overrides", "message"),
    [
        ("rfc", {}, "profile 'rfc' is unknown"),
        ("standard", {"games": 1}, "class 'games' is unknown"),
        ("standard", {"video": 64}, "dscp 64 is outside 0-63"),
        ("standard", {"video": -1}, "dscp -1 is outside 0-63"),
    ],
)
def test_refusals(profile, overrides, message):
    with pytest.raises(ValueError, match=message):
        dscp.marks(profile, overrides)
