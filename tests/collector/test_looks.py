"""What `weir-collector health` tells: ready, not ready and why, or nobody there."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import Config
from collector.looks import health
from collector.records import StateError
from tests.collector.support import Server


def test_the_collector_that_runs_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for host in ("127.0.0.1", "0.0.0.0"):
        config = Config(bind_host=host, console_port=server.port)
        assert health(config)["status"] == "ok"
    ports = ("--console-port", str(server.port))
    done = server.command("health", *ports)
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert (
        '"service": "weir-collector"' in server.command("health", "--json", *ports).stdout
    )
    assert server.stop() == 0
    done = server.command("health", *ports)
    assert done.returncode == 1
    assert done.stderr.endswith("refused: is it running?\n")


def test_one_that_is_not_ready_says_why(tmp_path: Path):
    server = Server(tmp_path / "data", "--store-url", "http://127.0.0.1:9")
    server.start(path="/health/live")
    server.reason()
    done = server.command("health", "--console-port", str(server.port))
    assert done.returncode == 1
    assert done.stdout.startswith("starting: the store fails: http://127.0.0.1:9/")
    assert server.stop() == 0


def test_a_port_that_no_collector_has_is_one_line(tmp_path: Path):
    (tmp_path / "index.html").write_text("<p>")
    server = Server(tmp_path / "data", "--console-dir", str(tmp_path)).start()
    try:
        with pytest.raises(StateError, match="running"):
            health(Config(tls_certificate="x", console_port=server.port))
    finally:
        server.kill()
