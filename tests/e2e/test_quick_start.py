"""The quick start and the README, followed: what they tell to type runs and says so."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.netns import world
from tests.shared_data import REPOSITORY
from tests.support.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(150)]
PAGES = ("README.md", "docs/quick-start.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
STORAGE, PORT = "/var/lib/weir-lab/weir-demo", "8080"


def typed(page: str) -> list[str]:
    """What a page tells to type, without comments."""
    text = (REPOSITORY / page).read_text("utf-8")
    shells = [code for kind, code in FENCE.findall(text) if kind in ("", "sh")]
    lines = [line for code in shells for line in code.splitlines()]
    return [line.split(" #")[0].strip() for line in lines if line.split("#")[0].strip()]


def recipe(target: str, *words: str) -> list[str]:
    """The last command of a target of make, as make would run it."""
    # A make that runs these tests tells the makes below it that they are not the first.
    own = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "--dry-run", target, *words],
        cwd=REPOSITORY, env=own, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return shlex.split(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The main job as `make run` starts it, in a place of its own."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port(following=1)
    prefix = f"weir-{secrets.token_hex(3)}"
    command = recipe("run", "SECONDS_TO_RUN=120")
    assert command[-4:] == ["demo", "run", "--seconds", "120"]
    command += [f"--prefix={prefix}", f"--port={port}", f"--directory={folder}"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("console: "):
                break
        else:
            pytest.fail("".join(lines))
        try:
            yield folder, port
        finally:
            process.terminate()
            process.communicate(timeout=60)
            world.down(prefix)


def test_every_command_of_the_quick_start_works(demo: tuple[Path, int]):
    folder, port = demo
    commands = [
        line for line in typed("docs/quick-start.md") if not line.startswith("make")
    ]
    assert len(commands) >= 7
    for command in commands:
        ours = command.replace(STORAGE, str(folder)).replace(f":{PORT}", f":{port}")
        if "weir-agent top" in ours:
            ours = f"timeout 5 script --quiet --command {shlex.quote(ours)} /dev/null"
        if "weir-agent doctor" in ours:
            ours += f" -c {folder}/generated.toml"
        end = time.monotonic() + 40
        while True:
            done = subprocess.run(
                ours,
                shell=True,
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            # Agents and endpoints are there once the first batch is.
            if (done.returncode in (0, 124) and done.stdout) or time.monotonic() > end:
                break
            time.sleep(1)
        assert done.returncode in (0, 124), f"{ours}: {done.stdout}{done.stderr}"
        assert done.stdout
        if "curl" in ours:
            assert "error" not in json.loads(done.stdout)


def test_the_equation_of_the_quick_start_holds(demo: tuple[Path, int]):
    folder, _ = demo
    (command,) = [line for line in typed("docs/quick-start.md") if "--json" in line]
    done = subprocess.run(
        shlex.split(command.replace(STORAGE, str(folder))),
        cwd=REPOSITORY, capture_output=True, check=True,
    )  # fmt: skip
    parts = ("flows", "overflow", "non_ip", "unparsed", "filtered")
    interfaces = json.loads(done.stdout)["interfaces"]
    assert {one["name"] for one in interfaces} == {"lan0", "wan0"}
    for one in interfaces:
        for way in one["direction"].values():
            for unit in ("frames", "packets", "bytes"):
                told = sum(way[part][unit] for part in parts)
                assert abs(told - way["seen"][unit]) <= way["seen"][unit] / 50 > 0


@pytest.mark.parametrize("page", PAGES)
def test_what_make_is_told_is_understood(page: str):
    told = [shlex.split(line) for line in typed(page) if line.startswith("make ")]
    assert told
    for _, target, *words in told:
        assert recipe(target, *words)
    assert recipe("run", "IFACE=eth9")[-4:] == ["demo", "run", "--interface", "eth9"]


def test_make_run_by_anybody_else_simulates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    somebody = tmp_path / "id"
    somebody.write_text("#!/bin/sh\necho 1000\n")
    somebody.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert recipe("run")[-2:] == ["simulate", "--run"]
    asked = recipe("run", "SECONDS_TO_RUN=9")
    assert asked[-4:] == ["simulate", "--run", "--seconds", "9"]
    # A real interface is not made up: this road asks for root.
    assert recipe("run", "IFACE=eth9")[-4:] == ["demo", "run", "--interface", "eth9"]


def test_packages_that_the_readme_installs_are_those_that_are_built():
    rules = (REPOSITORY / "packaging/debian/control").read_text("utf-8")
    built = set(re.findall(r"^Package: (\S+)$", rules, re.MULTILINE))
    asked = set(re.findall(r"apt install \./([a-z-]+)_", "\n".join(typed("README.md"))))
    assert asked == built
