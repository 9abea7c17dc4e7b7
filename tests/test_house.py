"""The rules of CONTRIBUTING.md that a machine can hold; debts are named in house.toml."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli

from tests.shared_data import REPOSITORY

DEBTS = tomli.loads((REPOSITORY / "tests" / "house.toml").read_text("utf-8"))
PROJECT = tomli.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
PRODUCT = ("wire", "agent", "collector", "lab")
MOST_LINES = 300

# Written apart, so that this file passes its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
DEBUGGING = re.compile(
    r"\bbreak"
    + r"point\(\)|\bpdb\.set|\bconsole\."
    + r"log\(|\bbpf_(trace_)?print"
    + r"k\("
)
PLACES = re.compile(
    r"(?<![\w.)])/(wo" + r"rk|ho" + r"me/\w|ro" + r"ot/\w)|\.\./sha" + r"red\b"
)
MAKING = re.compile(
    r"\b(cl" + r"aude|anth" + r"ropic|open" + r"ai|chat" + r"gpt|copi" + r"lot|ll" + r"ms?|"
    r"sub" + r"agents?|ai-gene" + r"rated|language mo" + r"del|issue #\d+|part \d of \d)\b",
    re.IGNORECASE,
)

ELSEWHERE = re.compile(r"\brequire" + r"ments,? App\.|\(des" + r"ign \d|\bdes" + r"ign\.md")


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"git ls-files: {listed.stderr.strip()}")
    names = listed.stdout.split("\0")
    return [name for name in names if name and (REPOSITORY / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    for name in tracked():
        try:
            yield name, (REPOSITORY / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a capture, a golden image


def lines_with(pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        if name not in but
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def modules() -> list[str]:
    """Modules of the product that may be expected to have a twin."""
    return [
        name
        for name in tracked()
        if name.endswith(".py")
        and name.split("/")[0] in PRODUCT
        and not name.endswith("__init__.py")
    ]


def twin(module: str) -> str:
    path = Path(module)
    return str(Path("tests") / path.parent / f"test_{path.stem.strip('_')}.py")


def test_no_module_is_longer_than_three_hundred_lines():
    longest = DEBTS["long"]
    wrong = []
    for name, text in texts():
        if not name.endswith((".py", ".ts", ".tsx", ".c", ".h")):
            continue
        count = len(text.splitlines())
        most, _ = longest.get(name, (MOST_LINES, ""))
        if count > most:
            wrong.append(f"{name}: {count} lines, at most {most}: split it")
        if name in longest and count <= MOST_LINES:
            wrong.append(f"{name}: {count} lines now: take it off [long] in house.toml")
    assert wrong == []
    assert [name for name in longest if not (REPOSITORY / name).exists()] == []


def test_a_packages_init_is_one_sentence():
    wrong = []
    for name, text in texts():
        if name.split("/")[-1] != "__init__.py":
            continue
        body = ast.parse(text).body
        sentence = ast.get_docstring(ast.parse(text)) or ""
        if len(body) != 1 or not sentence.endswith(".") or "\n" in sentence:
            wrong.append(f"{name}: one sentence as docstring, nothing else")
    assert wrong == []


def test_every_module_has_its_twin_in_tests():
    without = {module for module in modules() if not (REPOSITORY / twin(module)).exists()}
    owed = set(DEBTS["without_twin"])
    assert sorted(f"{module}: write {twin(module)}" for module in without - owed) == []
    assert sorted(f"{module}: take it off house.toml" for module in owed - without) == []


def test_a_debt_says_where_the_module_is_tested_meanwhile():
    wrong = [
        f"{module}: {where or 'nothing'}"
        for module, where in DEBTS["without_twin"].items()
        if not where or not list(REPOSITORY.glob(where))
    ]
    assert wrong == []


def test_nothing_is_left_unfinished():
    assert lines_with(UNFINISHED, but=("collector/console/package-lock.json",)) == []


def test_nothing_is_left_from_debugging():
    assert lines_with(DEBUGGING) == []


def test_no_file_knows_the_machine_it_was_written_on():
    assert lines_with(PLACES, but=("tests/shared_data.py",)) == []


def test_the_repository_speaks_of_the_product_alone():
    assert lines_with(MAKING) == []
    assert lines_with(ELSEWHERE) == [], "name a page of docs/ instead"


def test_the_tests_replace_nothing_of_the_core():
    pattern = re.compile(r"^\s*(from|import) (unittest\.)?mo" + "ck\\b")
    assert lines_with(pattern) == []


def test_kernel_programs_name_their_licence_first():
    sources = [n for n in tracked() if n.startswith("bpf/") and n.endswith((".c", ".h"))]
    assert sources
    for name in sources:
        first = (REPOSITORY / name).read_text("utf-8").splitlines()[0]
        assert "SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0" in first, name


def contracts(kind: str) -> list[dict]:
    return [c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == kind]


def test_import_contracts_cover_every_package():
    linter = PROJECT["tool"]["importlinter"]
    found = {name.split("/")[0] for name in tracked() if name.count("/") == 1}
    packages = {name for name in found if (REPOSITORY / name / "__init__.py").exists()}
    assert set(linter["root_packages"]) == set(PRODUCT) <= packages
    assert packages - set(PRODUCT) <= {"reference", "benchmarks", "tests"}
    floors = {c["containers"][0]: c for c in contracts("layers") if "containers" in c}
    for package in ("agent", "collector", "lab"):
        assert floors[package]["exhaustive"] is True
        named = {word for row in floors[package]["layers"] for word in row.split(" | ")}
        rooms = {
            m.split("/")[1].removesuffix(".py") for m in modules() if m.startswith(package)
        }
        assert rooms <= named, f"{package}: {rooms - named} is on no floor"


def test_the_core_is_kept_from_the_outside():
    (core,) = contracts("forbidden")
    for outside in (
        "asyncio",
        "socket",
        "aiohttp",
        "sqlite3",
        "subprocess",
        "ctypes",
        "time",
    ):
        assert outside in core["forbidden_modules"]
    guarded = {door for c in contracts("protected") for door in c["protected_modules"]}
    assert {"agent.capture.loader", "collector.store.embedded", "ctypes"} <= guarded
