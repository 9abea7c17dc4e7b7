"""What systemd hears."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.notify import Notifier


@pytest.fixture
def inbox() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.settimeout(2)
        yield one


def test_assignments_go_one_a_line(inbox: socket.socket, tmp_path: Path):
    inbox.bind(str(tmp_path / "notify"))
    notifier = Notifier(str(tmp_path / "notify"))
    notifier.send("READY=1", "STATUS=counting")
    assert inbox.recv(100) == b"READY=1\nSTATUS=counting"
    notifier.send("WATCHDOG=1")
    assert inbox.recv(100) == b"WATCHDOG=1"


def test_a_name_with_an_at_sign_is_an_abstract_one(inbox: socket.socket):
    inbox.bind("\0weir-agent-notify-test")
    Notifier("@weir-agent-notify-test").send("READY=1")
    assert inbox.recv(100) == b"READY=1"


def test_the_environment_says_where(
    inbox: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inbox.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    Notifier().send("READY=1")
    assert inbox.recv(100) == b"READY=1"


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().send("READY=1")
    Notifier("").send("READY=1")


def test_after_systemd_went_away_it_is_left_alone(inbox: socket.socket, tmp_path: Path):
    path = tmp_path / "notify"
    notifier = Notifier(str(path))
    notifier.send("READY=1")
    inbox.bind(str(path))
    inbox.setblocking(False)
    notifier.send("READY=1")
    with pytest.raises(BlockingIOError):
        inbox.recv(100)
