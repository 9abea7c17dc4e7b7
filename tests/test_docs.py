"""Documents against the program: nothing undocumented, nothing documented that is not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import tomli

from agent import config as agent_config
from agent.qos import section as qos
from collector import config as collector_config
from reference import commands, metrics, pages, routes
from tests.shared_data import REPOSITORY

PAGES = sorted(REPOSITORY.glob("*.md")) + sorted((REPOSITORY / "docs").glob("*.md"))
WRITTEN = [path for path in PAGES if str(path.relative_to(REPOSITORY)) not in pages.PAGES]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
PROGRAM = re.compile(r"\bweir-(?:agent|collector|lab)\b(?: +[^\n`]*)?")
WORD = re.compile(r"[a-z][a-z-]*")
MADE = {"benchmarks.md", "campaigns.md"}  # by make bench and make test-long


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def code_of(path: Path) -> Iterator[str]:
    """Lines and spans that are written as code; comments of shells are left out."""
    text = text_of(path)
    for fence in FENCE.finditer(text):
        if fence[2] not in ("text", "json", "toml"):
            for line in fence[3].splitlines():
                yield line.split(" # ")[0].strip().removeprefix("# ")
    yield from CODE.findall(FENCE.sub("", text))


def everything() -> str:
    return "\n".join(text_of(path) for path in PAGES)


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_generated_page_is_what_its_generator_writes(page: str):
    if os.environ.get("WEIR_UPDATE_DOCS") == "1":
        pages.write()
    path = REPOSITORY / page
    assert text_of(path) == pages.PAGES[page](), (
        f"{page}: run: .venv/bin/python -m reference"
    )


# --- commands ---


def known_commands() -> dict[tuple[str, ...], set[str]]:
    """Words of every command, and the flags it takes."""
    settings = {
        "weir-agent": {row.flag for row in agent_config.SETTINGS},
        "weir-collector": {"--" + n.replace("_", "-") for n in collector_names()},
        "weir-lab": set[str](),
    }
    found = {}
    for program, several in commands.programs().items():
        for command in several:
            flags = {flag for option in command.options for flag in option.flags}
            found[command.words] = flags | settings[program] | {"-h", "--help"}
    return found


def collector_names() -> set[str]:
    return set(tomli.loads(collector_config.example())["collector"])


def test_every_command_is_on_the_page_of_commands():
    page = text_of(REPOSITORY / "docs" / "cli.md")
    for program, several in commands.programs().items():
        assert f"\n## {program}\n" in page
        for command in several:
            if not command.is_group:
                assert f"\n### {' '.join(command.words)}\n" in page


@pytest.mark.parametrize("path", WRITTEN, ids=relative)
def test_a_command_that_is_mentioned_exists(path: Path):
    known = known_commands()
    wrong = []
    for code in code_of(path):
        for mention in PROGRAM.findall(code):
            words = mention.split()
            name: tuple[str, ...] = (words[0],)
            for word in words[1:]:
                if (*name, word) in known:
                    name = (*name, word)
            given = [word for word in words[1:] if WORD.fullmatch(word.split("|")[0])]
            if given and name == (words[0],) and not given[0].startswith("_"):
                wrong.append(f"{mention}: no such command")
            flags = {w.split("=")[0].strip("[]") for w in words if w.startswith("-")}
            if len(name) > 1:
                wrong += [
                    f"{mention}: no flag {f}" for f in flags - known[name] if f != "--"
                ]
    assert wrong == []


def test_every_make_target_is_known_and_every_mention_is_one():
    known = set(commands.targets())
    assert known >= {"run", "test", "check", "setup", "bench"}
    mentioned = set()
    for path in PAGES:
        for code in code_of(path):
            mentioned |= set(re.findall(r"(?:^|[;&] *|: )make ([a-z-]+)", code))
    assert mentioned - known == set()
    assert known - mentioned == set()


# --- settings ---


def test_every_key_is_on_the_page_of_settings():
    page = text_of(REPOSITORY / "docs" / "configuration.md")
    rows = (*agent_config.SETTINGS, *agent_config.OVERRIDES)
    names = {row.name for row in rows} | collector_names()
    names |= set(re.findall(r"^(?:# )?(\w+) = ", qos.example(), re.MULTILINE))
    assert [name for name in sorted(names) if f"| `{name}` |" not in page] == []


def test_the_example_of_settings_loads_in_both_daemons():
    path = REPOSITORY / "config.toml.example"
    agent = agent_config.load(path, {}, {})
    qos.parse(agent.qos)
    collector_config.load(path, {}, {})


@pytest.mark.parametrize("path", WRITTEN, ids=relative)
def test_settings_that_are_shown_load(path: Path, tmp_path: Path):
    for number, fence in enumerate(FENCE.finditer(text_of(path))):
        if fence[2] == "toml" and "[" in fence[3]:
            file = tmp_path / f"{number}.toml"
            file.write_text(fence[3], "utf-8")
            if set(tomli.loads(fence[3])) <= {
                "agent",
                "capture",
                "qos",
                "forecast",
                "collector",
            }:
                agent = agent_config.load(file, {}, {})
                qos.parse(agent.qos)
                collector_config.load(file, {}, {})


def test_a_variable_that_is_mentioned_is_read():
    sources = [
        path.read_text("utf-8")
        for folder in ("agent", "collector", "lab", "tests", "packaging", "reference")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".ts") and "node_modules" not in path.parts
    ]
    settings = {f"WEIR_AGENT_{row.name.upper()}" for row in agent_config.SETTINGS}
    settings |= {f"WEIR_COLLECTOR_{name.upper()}" for name in collector_names()}
    for name in set(re.findall(r"\bWEIR_[A-Z_]+[A-Z]\b", everything())) - settings:
        if name not in ("WEIR_AGENT", "WEIR_COLLECTOR"):
            assert any(name in source for source in sources) or name.lower() in records(), (
                name
            )


def records() -> str:
    """The kernel's headers, whose constants documents may name."""
    heads = (REPOSITORY / "bpf" / name for name in ("records.h", "orders.h"))
    return "".join(head.read_text("utf-8") for head in heads).lower()


# --- metrics and paths ---


def test_every_metric_is_on_the_page_and_every_mention_is_one():
    names = {row.name for row in (*metrics.agent(), *metrics.of_collector())}
    page = text_of(REPOSITORY / "docs" / "metrics.md")
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
    pattern = re.compile(r"\bweir_(?:agent|collector)_[a-z_]+\b")
    mentioned = {name for path in PAGES for name in pattern.findall(text_of(path))}
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in mentioned}
    assert bases - names == set()


def test_every_path_of_the_collector_has_its_shape_described():
    page = text_of(REPOSITORY / "docs" / "http-api.md")
    flat = re.sub(r"\s+", " ", page)
    known = {(route.method, route.path) for route in routes.of_collector()}
    paths = {path for _, path in known}
    described = set(re.findall(r"(?<![\w.])(/(?:api|health|metrics)[\w/{}.-]*)", flat))
    assert sorted(paths - described) == []
    assert sorted(path.rstrip(".") for path in described - paths) == []


def test_every_path_of_the_agent_is_on_the_page():
    page = text_of(REPOSITORY / "docs" / "paths.md")
    assert routes.agent()
    for route in routes.agent():
        assert f"`{route.method} {route.path}`" in page


# --- files, links, lines of errors ---


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_a_file_that_is_named_exists(path: Path):
    roots = "bpf|agent|wire|collector|lab|tests|docs|benchmarks|packaging|systemd|reference"
    pattern = re.compile(rf"(?<![\w/.-])((?:{roots})/[\w./*-]*\w)")
    wrong = []
    for code in code_of(path):
        for name in pattern.findall(code):
            base = re.sub(r":\d+$", "", name)
            if Path(base).name not in MADE and not list(REPOSITORY.glob(base)):
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_a_link_leads_somewhere(path: Path):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(path))):
        inside = not re.match(r"[a-z]+:|#", target)
        if inside and not (path.parent / target.split("#")[0]).exists():
            wrong.append(target)
    assert wrong == []


def test_every_page_is_in_the_site_once():
    navigation = (REPOSITORY / "mkdocs.yml").read_text("utf-8").split("\nnav:\n")[1]
    named = re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)
    there = {path.name for path in (REPOSITORY / "docs").glob("*.md")} - MADE
    assert len(named) == len(set(named))
    assert sorted(set(named) - MADE) == sorted(there), "mkdocs.yml: nav"
