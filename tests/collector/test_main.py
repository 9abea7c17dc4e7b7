"""The command line: backup and restore, one collector a folder."""

from __future__ import annotations

import io
import json
import signal
import tarfile
import time
from pathlib import Path

from tests.collector.support import Server, batch, headers


def test_a_backup_brings_everything_back(tmp_path: Path):
    server = Server(tmp_path / "data").start()
    assert server.post(batch(1)).status == 200
    server.settled()
    target = tmp_path / "weir.tar"
    busy = server.command("backup", str(target))
    assert busy.returncode == 1
    assert "another collector uses it" in busy.stderr
    assert server.stop() == 0
    assert server.command("backup", str(target)).returncode == 0
    assert "exists already" in server.command("backup", str(target)).stderr
    assert "is not empty" in server.command("restore", str(target)).stderr

    other = Server(tmp_path / "elsewhere")
    done = other.command("restore", str(target))
    assert done.returncode == 0, done.stderr
    (tmp_path / "data").rename(tmp_path / "gone")
    other.start()
    try:
        assert other.get("/api/batches").json["count"] == 1
        assert other.get("/api/totals").json["total"]["frames"] == 144
        assert other.post(batch(1)).json["duplicate"] is True
        assert other.post(batch(2)).json["duplicate"] is False
        other.settled()
        assert other.get("/api/totals").json["total"]["frames"] == 288
    finally:
        assert other.stop() == 0


def test_what_is_no_backup_is_refused(tmp_path: Path):
    server = Server(tmp_path / "data")
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    for name, reason in (("junk", "not a backup"), ("evil.tar", "leads outside"),
                         ("none", "No such file")):  # fmt: skip
        done = server.command("restore", str(tmp_path / name))
        assert done.returncode == 1
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "outside").exists()


def test_two_collectors_do_not_share_a_folder(server: Server):
    second = server.command("run", "--auth", "none", "--bind-host", "127.0.0.1")
    assert second.returncode == 1
    assert "another collector uses it" in second.stderr


def test_hangup_takes_new_settings_or_keeps_the_old(tmp_path: Path):
    path = tmp_path / "collector.toml"
    path.write_text("[collector]\nrequest_rate = 1000.0\n")
    server = Server(tmp_path / "data", "-c", str(path)).start()
    assert server.process is not None
    try:
        path.write_text("[collector]\nrequest_rate = 1.0\nretention_days = 5\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for(server, "settings read again; after a restart: retention_days")
        assert 429 in [server.get("/api/auth/me").status for _ in range(10)]
        path.write_text("[collector]\nrequest_rat = 1.0\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for(server, "settings stay as they were")
        assert "request_rat: unknown key" in server.log()
    finally:
        assert server.stop() == 0


def wait_for(server: Server, text: str) -> None:
    until = time.monotonic() + 10
    while text not in server.log():
        assert time.monotonic() < until, server.log()
        time.sleep(0.05)


def test_logs_can_be_json(tmp_path: Path):
    server = Server(tmp_path / "data", "--log-format", "json").start()
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[-1])
    assert any(line["message"].startswith("ready: http://127.0.0.1:") for line in lines)


def test_wrong_flags_end_with_two(tmp_path: Path):
    server = Server(tmp_path / "data")
    for flags in (("run", "--auth", "none"), ("check", "--agent-port", "x")):
        done = server.command(*flags)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
    assert server.command("check").returncode == 0
    assert (tmp_path / "data" / "control.sqlite").stat().st_mode & 0o77 == 0
    assert headers(batch(1))["X-Weir-Sequence"] == "1"
