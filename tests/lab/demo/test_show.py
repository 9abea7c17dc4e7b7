"""All of Weir at once, as `make run` starts it: real packets, kernel, batches, console."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lab.demo.show import interface_bytes
from lab.netns import namespace, state, world
from tests.support.mix import mixed
from tests.support.namespaces import World, wait_until
from tests.support.ports import free_port
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(150)]
PINS = Path("/sys/fs/bpf")


class Running:
    """A `weir-lab demo run` and what it has said so far."""

    started: ClassVar[list[Running]] = []

    def __init__(self, prefix: str, *more: str, space: str = "") -> None:
        self.prefix = prefix
        self.port = free_port(following=1)
        command = [sys.executable, "-W", "error", "-m", "lab", "demo", "run", "--json"]
        command += ["--prefix", prefix, f"--port={self.port}", *more]
        if space:
            command = namespace.enter_command(space, command)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.started.append(self)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def told(self, event: str) -> bool:
        return any(known["event"] == event for known in self.events)

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.end()
            return self.told("ready")

        wait_until("the show runs", ready, timeout_s=70)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}{path}", timeout=5
        ) as page:
            return json.load(page)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit status and what stood on stderr."""
        status = self.process.wait(45)
        self._reader.join(5)
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        errors = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return status, errors


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"weir-{secrets.token_hex(3)}"
    yield name
    while Running.started:
        show = Running.started.pop()
        if show.process.poll() is None:
            show.process.kill()
            show.end()
    world.down(name)


def processes_of(prefix: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if prefix in line:
            found.append(line)
    return found


def assert_nothing_left(prefix: str) -> None:
    wait_until("no process of the show", lambda: not processes_of(prefix))
    places = (namespace.DIRECTORY, state.DIRECTORY, state.STORAGE, PINS)
    assert [path for place in places for path in place.glob(f"{prefix}*")] == []


def test_packets_become_pages_and_nothing_is_left(prefix: str) -> None:
    before = sorted(socket.if_nameindex())
    running = Running(prefix, "--hosts=2", "--seconds=120", "--rate=10M")
    running.wait_ready()
    wanted = {"video", "voice", "file", "background", "interactive"}

    def flows() -> list[dict[str, Any]]:
        return list(running.get("/api/flows?limit=500")["flows"])

    wait_until(
        "flows of every class that ports or code points tell",
        lambda: wanted <= {flow["class"] for flow in flows()},
        timeout_s=45,
        step_s=0.5,
    )
    assert {flow["family"] for flow in flows()} == {4, 6}
    agents = running.get("/api/agents")["agents"]
    assert [agent["name"] for agent in agents] == [prefix]
    assert {item["name"] for item in agents[0]["interfaces"]} == {"lan0", "wan0"}
    endpoints = {row["endpoint_id"] for row in running.get("/api/endpoints")["endpoints"]}
    assert {"10.80.1.10", "10.80.1.11", "fd80:1::a", "fd80:1::b"} <= endpoints
    rows = running.get("/api/conservation")["interfaces"]
    assert {(row["interface"], row["direction"]) for row in rows} == {
        (name, way) for name in ("lan0", "wan0") for way in ("rx", "tx")
    }
    for row in rows:
        for unit in ("frames", "packets", "bytes"):
            outcomes = ("flows", "overflow", "non_ip", "unparsed", "filtered")
            told = sum(row[name][unit] for name in outcomes)
            # While traffic runs a walk is bracketed, not exact: packets come meanwhile.
            assert abs(row["seen"][unit] - told) <= row["seen"][unit] / 50
            assert row["flows"][unit] > 0
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=5) as page:
        assert page.status == 200
    running.process.send_signal(signal.SIGINT)
    assert running.end() == (0, "")
    assert running.told("progress")
    assert [event["event"] for event in running.events[-2:]] == ["stopping", "down"]
    assert_nothing_left(prefix)
    assert sorted(socket.if_nameindex()) == before


def test_the_time_is_bounded(prefix: str) -> None:
    running = Running(prefix, "--hosts=1", "--seconds=3")
    assert running.end() == (0, "")
    assert_nothing_left(prefix)


@pytest.mark.parametrize("victim", ["agent", "collector"])
def test_a_daemon_that_dies_ends_the_show(prefix: str, victim: str) -> None:
    running = Running(prefix, "--hosts=1", "--seconds=120")
    running.wait_ready()
    known = world.status(prefix).processes
    os.kill(next(p["pid"] for p in known if p["what"] == victim), signal.SIGKILL)
    status, errors = running.end()
    assert status == 1
    assert errors.startswith(f"weir-lab demo: {victim}: ended with status -9\n")
    assert_nothing_left(prefix)


def test_down_cleans_up_after_a_killed_show(prefix: str) -> None:
    running = Running(prefix, "--hosts=1", "--seconds=120")
    running.wait_ready()
    running.process.kill()
    running.end()
    assert namespace.exists(f"{prefix}-router")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "demo", "down", "--prefix", prefix],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert_nothing_left(prefix)


@pytest.mark.parametrize("delay_s", [0.3, 1.5])
def test_ctrl_c_while_it_starts(prefix: str, delay_s: float) -> None:
    running = Running(prefix, "--hosts=2", "--seconds=120")
    time.sleep(delay_s)
    running.process.send_signal(signal.SIGINT)
    status, errors = running.end()
    if status == -signal.SIGINT:
        # An interpreter that has not yet come to our code dies of the signal itself.
        assert running.events == []
    else:
        # Cut off while it reads a module, the interpreter says so itself.
        ours = "" if errors.startswith("Exception ignored in: <_io.") else errors
        assert (status, ours) in ((0, ""), (130, ""))
    assert_nothing_left(prefix)


def test_a_port_in_use_is_named_before_anything_is_made(prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = Running(prefix, f"--port={port}")
        status, errors = running.end()
    assert status == 1
    assert errors == (
        f"weir-lab demo: port {port}: Address already in use: "
        "stop what uses it, or give --port\n"
    )
    assert_nothing_left(prefix)


def test_a_real_interface_is_watched_and_left_as_it_was(prefix: str, netns: World) -> None:
    left, right = netns.pair()
    before = right.run("ip", "-d", "link", "show", "right0")
    running = Running(prefix, "--interface=right0", "--seconds=120", space=right.name)
    running.wait_ready()
    frames = pack(frame for frame, _ in mixed(3, 500))

    def packets_told() -> int:
        with Sender(left, "left0") as sender:
            sender.send_packed(frames)
        with right.entered():
            rows = running.get("/api/conservation")["interfaces"]
        return max(
            (row["flows"]["packets"] for row in rows if row["direction"] == "rx"), default=0
        )

    wait_until(
        "packets in the collector", lambda: packets_told() > 400, timeout_s=40, step_s=1
    )
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == (0, "")
    assert right.run("ip", "-d", "link", "show", "right0") == before
    assert_nothing_left(prefix)


def test_interfaces_are_read_of_whoever_lives() -> None:
    assert all(len(numbers) == 2 for numbers in interface_bytes(os.getpid()).values())
    assert interface_bytes(2**22 + 1) == {}
