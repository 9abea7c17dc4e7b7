"""New versions: what is counted meanwhile, whose settings win, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balance import Balance
from guest import (
    AGENT_TOML,
    PAYLOAD,
    active,
    edit,
    install,
    ready,
    run,
    say,
    show,
    timed,
    version_of,
)
from router import send, traffic

KEEP_SETTINGS = [f"-oDpkg::Options::=--force-{choice}" for choice in ("confdef", "confold")]
MARK = "# edited by the operator"
ROOM_BYTES = 30 << 20
"""Far less than the package takes."""


def wrong_architecture_is_refused() -> None:
    with refused_upgrade():
        answer = run("dpkg", "-i", str(next(PAYLOAD.glob("foreign/*.deb"))), check=False)
        assert "architecture" in answer, answer
        assert "does not match system" in answer, answer


@contextmanager
def refused_upgrade() -> Iterator[None]:
    """What is refused leaves the running version alone, in the package and in memory."""
    pid, version = show("weir-agent", "MainPID"), version_of("weir-agent")
    yield
    assert show("weir-agent", "MainPID") == pid, "the old version was stopped"
    assert active("weir-agent")
    assert version_of("weir-agent") == version
    assert run("dpkg", "--audit") == ""


def full_disk_at_upgrade_keeps_the_old_version() -> None:
    ballast = Path("/ballast")
    with refused_upgrade():
        disk = os.statvfs("/")
        free = disk.f_bfree * disk.f_frsize  # what is kept for root is dpkg's to fill
        run("fallocate", "-l", str(free - ROOM_BYTES), str(ballast))
        try:
            package = str(next(PAYLOAD.glob("second/*.deb")))
            answer = run("dpkg", "--force-confold", "-i", package, check=False)
            assert "No space left on device" in answer, answer
        finally:
            ballast.unlink()
        run("weir-agent", "check")
        left = list(Path("/usr/lib/weir").rglob("*.dpkg-*"))
        assert not left, left
    with Balance():
        traffic()


def upgrade_loses_nothing() -> None:
    """Both the operator and the new version changed the settings."""
    edit(AGENT_TOML, "[capture]", f"{MARK}\n[capture]")
    before = show("weir-agent", "MainPID")
    with Balance():
        sender = send(20000, 0.001)
        took = timed(lambda: install("second/*.deb", *KEEP_SETTINGS))
        say("FACT upgrade", f"{took:.0f} s")
        sender.terminate()
        sender.wait()
        ready("weir-agent")
        traffic()
    assert MARK in AGENT_TOML.read_text()
    assert "second" in Path(f"{AGENT_TOML}.dpkg-dist").read_text()
    assert show("weir-agent", "MainPID") != before
    assert "+second" in version_of("weir-agent")


def bad_settings_keep_the_old_one_running() -> None:
    pid = show("weir-agent", "MainPID")
    text = AGENT_TOML.read_text()
    with Balance():
        AGENT_TOML.write_text(text.replace("[capture]", "[capture]\nno_such_key = 1", 1))
        answer = install("first/weir-agent*.deb", *KEEP_SETTINGS)
        assert "no_such_key" in answer, answer[-2000:]
        assert "old version still runs" in answer, answer[-2000:]
        assert show("weir-agent", "MainPID") == pid, "the old version was stopped"
        traffic()
        run("systemctl", "restart", "weir-agent", check=False)
        refused = not active("weir-agent")
        said = run("journalctl", "-u", "weir-agent", "-n", "20", "--no-pager")
        AGENT_TOML.write_text(text)
        run("systemctl", "reset-failed", "weir-agent", check=False)
        run("systemctl", "start", "weir-agent")
    assert refused, "started with settings that it does not know"
    assert "no_such_key" in said, said


CHECKS = (
    wrong_architecture_is_refused,
    full_disk_at_upgrade_keeps_the_old_version,
    upgrade_loses_nothing,
    bad_settings_keep_the_old_one_running,
)
