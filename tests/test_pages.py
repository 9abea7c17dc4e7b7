"""What pages say, held against the tree: errors, capabilities, modules, figures, alerts."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.shared_data import REPOSITORY

DOCS = REPOSITORY / "docs"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PROGRAMS = ("agent", "collector", "lab")
STATES = ("there", "part", "not yet")


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def rows_of(page: str) -> list[list[str]]:
    """Cells of every table row of a page."""
    lines = text_of(DOCS / page).splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith("|--")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


# --- capabilities ---

CAPABILITIES = [row for row in rows_of("status.md") if row[1] in STATES]


def is_empty(place: Path) -> bool:
    """Whether a room holds nothing but its docstring."""
    files = [
        one for one in place.rglob("*") if one.is_file() and "__pycache__" not in one.parts
    ]
    return place.is_dir() and [one.name for one in files] == ["__init__.py"]


@pytest.mark.parametrize(
    ("what", "state", "code", "test"), CAPABILITIES, ids=[row[2] for row in CAPABILITIES]
)
def test_a_capability_is_as_far_as_it_is_said_to_be(
    what: str, state: str, code: str, test: str
):
    assert what
    place = REPOSITORY / code.strip("`")
    assert place.exists(), code
    assert is_empty(place) == (state == "not yet")
    assert bool(test) == (state != "not yet")
    assert (REPOSITORY / test.strip("`")).exists(), test


def test_no_room_is_left_out():
    named = " ".join(row[2] for row in CAPABILITIES)
    rooms = [
        f"{program}/{one.name}"
        for program in PROGRAMS
        for one in sorted((REPOSITORY / program).iterdir())
        if (one / "__init__.py").is_file() or one.name == "console"
    ]
    assert len(rooms) > 15
    assert [room for room in rooms if room not in named] == []


# --- modules ---


def test_the_rooms_of_the_architecture_are_the_rooms_of_the_tree():
    for name, _, rooms in (row for row in rows_of("architecture.md") if len(row) == 3):
        program = name.strip("`").rstrip("/")
        if program in PROGRAMS:
            there = {
                one.parent.name for one in (REPOSITORY / program).glob("*/__init__.py")
            }
            assert set(re.findall(r"[a-z]+", rooms.split(";")[0])) == there, program


def test_modules_that_the_architecture_names_exist():
    text = text_of(DOCS / "architecture.md")
    named = set(re.findall(r"`((?:agent|collector|wire|lab|bpf|tests)/[\w./-]+)`", text))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []


# --- figures ---


def figures_of(text: str) -> set[str]:
    return {one.rstrip(".,") for one in re.findall(r"\d[\d.,]*", text)}


def test_measured_figures_of_sizing_stand_among_the_benchmarks():
    measured = [
        row for row in rows_of("scaling.md")
        if len(row) == 2 and re.search(r"\d", row[1]) and not row[0].startswith("`")
    ]  # fmt: skip
    assert len(measured) >= 6
    known = figures_of(text_of(DOCS / "benchmarks.md"))
    for what, value in measured:
        assert figures_of(value) <= known, what


# --- alerts ---


def test_every_alert_has_its_line():
    rules = yaml.safe_load(text_of(REPOSITORY / "packaging/monitoring/alerts.yaml"))
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    shown = [row[0] for row in rows_of("monitoring.md") if row[0].startswith("Weir")]
    assert shown == names


# --- errors ---


def literals(node: ast.AST) -> tuple[str, ...]:
    """The fixed parts of a text in the source, in order; what is filled in is left out."""
    if isinstance(node, ast.JoinedStr):
        parts = [str(v.value) for v in node.values if isinstance(v, ast.Constant)]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = re.split(r"%[sd]", node.value)
    else:
        return ()
    return tuple(part for part in parts if part)


@cache
def phrases() -> set[tuple[str, ...]]:
    """Texts that the programs may print, long enough to tell; docstrings are none."""
    found = set()
    for program in ("agent", "collector", "lab", "wire"):
        for path in (REPOSITORY / program).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            said = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
            found |= {literals(n) for n in ast.walk(tree) if id(n) not in said}
    return {parts for parts in found if tells(parts)}


def tells(parts: tuple[str, ...]) -> bool:
    """Whether these words are enough to know a line by."""
    text = " ".join(parts)
    words = re.sub(r"weir-\w+|https?:", "", text)
    return len(re.findall(r"[A-Za-z]{2,}", words)) >= 2 and len(text) >= 8


def is_said(line: str, parts: tuple[str, ...]) -> bool:
    at = 0
    for part in parts:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def test_the_errors_of_the_troubleshooting_page_are_errors_of_the_program():
    shown = [
        line.strip()
        for fence in FENCE.finditer(text_of(DOCS / "troubleshooting.md"))
        if fence[2] == "text"
        for line in fence[3].splitlines()
        if line.strip()
    ]
    assert len(shown) > 20
    assert not any(is_said("weir-agent: the moon is full: wait", p) for p in phrases())
    wrong = [line for line in shown if not any(is_said(line, p) for p in phrases())]
    assert wrong == []
