"""`weir-lab demo` from the outside: real namespaces, real traffic, nothing left."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.netns import namespace, state, world
from lab.traffic.services import CLASSES, SERVICES
from tests.support.capturing import capture
from tests.support.namespaces import Namespace, wait_until
from tests.support.pcaps import tshark_fields


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"weir-{secrets.token_hex(3)}"
    yield name
    world.down(name)


def command(prefix: str, action: str, *more: str) -> list[str]:
    lab = [sys.executable, "-W", "error", "-m", "lab"]
    return [*lab, "demo", action, "--prefix", prefix, *more]


def weir_lab(prefix: str, action: str, *more: str, status: int = 0) -> Any:
    done = subprocess.run(
        command(prefix, action, "--json", *more), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def processes_of(prefix: str) -> list[str]:
    """Command lines of processes that speak of this lab or live in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if prefix in line and "pytest" not in line:
            found.append(line)
    for path in namespace.DIRECTORY.glob(f"{prefix}-*"):
        found += [str(process["pid"]) for process in state.processes_in(path)]
    return found


def assert_nothing_left(prefix: str) -> None:
    wait_until("no process of the lab", lambda: not processes_of(prefix))
    places = (namespace.DIRECTORY, state.DIRECTORY, Path("/var/lib/weir-lab"))
    assert [path for place in places for path in place.glob(f"{prefix}*")] == []


@pytest.mark.root
def test_the_life_of_a_lab(prefix: str) -> None:
    assert weir_lab(prefix, "status", status=1)["is_up"] is False
    line = weir_lab(prefix, "traffic", status=1)
    assert line == f"weir-lab demo: {prefix} is not up: `weir-lab demo up` brings it up\n"
    told = weir_lab(prefix, "up", "--hosts=2")
    assert told["router"] == f"{prefix}-router"
    assert weir_lab(prefix, "up", "--hosts=2") == told
    assert len(weir_lab(prefix, "status")["namespaces"]) == 5
    assert weir_lab(prefix, "down")["found"] is True
    assert weir_lab(prefix, "down")["found"] is False
    assert_nothing_left(prefix)


@pytest.mark.root
def test_every_class_crosses_the_router_in_both_families(
    prefix: str, tmp_path: Path
) -> None:
    plan = world.up(prefix, 2)
    router = Namespace(plan.router)
    with capture(
        router, "wan0", tmp_path / "wan.pcap", direction="inout", keep_bytes=96
    ) as seen:
        report = weir_lab(prefix, "traffic", "--seconds=8", "--rate=8M", "--seed=3")
    assert set(report["clients"]) == set(CLASSES)
    for count in report["clients"].values():
        assert count["sent_bytes"] + count["received_bytes"] > 300
        assert count["errors"] == 0
    fields = ("ip.version", "tcp.dstport", "udp.dstport", "ip.src")
    rows = tshark_fields(seen.path, *fields)
    crossed = {
        (row["ip.version"][0], port)
        for row in rows
        for port in row["tcp.dstport"] + row["udp.dstport"]
    }
    for service in SERVICES:
        if service.name != "clock":  # It is asked every few seconds, by turns.
            for version in ("4", "6"):
                assert (version, str(service.port)) in crossed, service.name
    sources = {row["ip.src"][0] for row in rows if row["ip.src"]}
    assert {host.ipv4 for host in plan.hosts} <= sources
    assert sum(seen.lengths()) * 8 <= 8e6 * 12


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_traffic_ends_with_its_command(prefix: str, number: signal.Signals) -> None:
    plan = world.up(prefix)
    started = time.monotonic()
    running = subprocess.Popen(
        command(prefix, "traffic", "--seconds=120", "--progress=0.5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    assert len(world.status(prefix).processes) == 1 + len(plan.hosts)
    running.send_signal(number)
    running.wait(10)
    running.stdout.close()
    wait_until("clients and server ended", lambda: not world.status(prefix).processes)
    assert time.monotonic() - started < 30
    world.down(prefix)
    assert_nothing_left(prefix)


@pytest.mark.root
def test_a_lab_taken_away_ends_its_traffic(prefix: str) -> None:
    world.up(prefix)
    running = subprocess.Popen(
        command(prefix, "traffic", "--seconds=120", "--progress=0.5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    assert weir_lab(prefix, "down")["found"] is True
    told, errors = running.communicate(timeout=15)
    assert (running.returncode, errors) == (0, "")
    assert told.splitlines()[-1].startswith("sent: ")
    assert_nothing_left(prefix)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["up", "--hosts=0"], "hosts 0: 1 to 32"),
        (["up", "--prefix=a/b"], "prefix 'a/b': 1 to 12 letters, digits, hyphens"),
        (["run", "--interface=nope7"], "nope7: no such interface: `ip link` lists them"),
    ],
)
@pytest.mark.root
def test_what_cannot_be_is_one_line(words: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "demo", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, f"weir-lab demo: {says}\n")


@pytest.mark.root
def test_others_than_root_are_told() -> None:
    done = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--clear-groups",
            sys.executable,
            "-m",
            "lab",
            "demo",
            "up",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "weir-lab demo: network namespaces and BPF need root: run it with sudo\n"
    )
