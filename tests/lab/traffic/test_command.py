"""Both ends as the user starts them, on loopback with shifted ports."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.traffic.services import CLASSES

SHIFT = 21_000


def command(end: str, *more: str) -> list[str]:
    return [
        sys.executable, "-X", "dev", "-W", "error", "-m", "lab", "traffic", end,
        "--ipv4=127.0.0.1,127.0.0.2", f"--port-shift={SHIFT}", *more,
    ]  # fmt: skip


@contextmanager
def server(*more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command("serve", *more), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["event"] == "ready"
        yield process
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def drive(*more: str, status: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        command("drive", *more), capture_output=True, text=True, timeout=40
    )
    assert done.returncode == status, done.stderr
    # Development mode tells of slow steps, which a busy machine has.
    assert [row for row in done.stderr.splitlines() if "Executing <" not in row] == []
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "report"
    return last


@pytest.mark.parametrize("wanted", CLASSES)
def test_each_class_moves_bytes_both_ways_and_no_other_does(wanted: str) -> None:
    with server("--seconds=20"):
        report = drive("--seconds=1.2", f"--classes={wanted}", "--rate=4M")
    for name, count in report["classes"].items():
        moved = count["sent_bytes"] + count["received_bytes"]
        assert moved > 100 if name == wanted else moved == 0, name
        assert count["errors"] == 0


def test_both_ends_agree_and_keep_to_the_rate() -> None:
    with server("--seconds=20", "--rate=8M") as far:
        report = drive("--seconds=3", "--rate=8M")
        far.send_signal(signal.SIGTERM)
        assert far.stdout is not None
        other = json.loads(far.stdout.readlines()[-1])
    for name in ("voice", "interactive"):
        mine, its = report["classes"][name], other["classes"][name]
        assert mine["sent_bytes"] == its["received_bytes"]
    downloaded = sum(
        report["classes"][name]["received_bytes"] for name in ("web", "video", "file")
    )
    assert 0.1e6 < downloaded <= 8e6 / 8 * (report["seconds"] + 0.1)


def test_time_is_bounded_at_both_ends() -> None:
    started = time.monotonic()
    with server("--seconds=2") as far:
        drive("--seconds=1")
        assert far.wait(10) == 0
    assert time.monotonic() - started < 15


def test_without_a_server_it_says_so() -> None:
    report = drive("--seconds=1", status=1)
    assert sum(count["errors"] for count in report["classes"].values()) > 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["drive", "--seconds=0"], "above 0"),
        (["drive", "--rate=1"], "500K"),
        (["drive", "--rate=fast"], "invalid"),
        (["drive", "--classes=voice,fax"], "'fax': known are voice"),
        (["sing"], "invalid choice"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "traffic", *words], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["drive"], "weir-lab traffic: no server address: give --ipv4 or --ipv6\n"),
        (
            ["serve", "--ipv4=192.0.2.1", "--port-shift=21000"],
            "weir-lab traffic: sip: cannot listen on 192.0.2.1 port 26060: "
            "Cannot assign requested address\n",
        ),
    ],
)
def test_what_fails_is_one_line(words: list[str], line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "traffic", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, line)
