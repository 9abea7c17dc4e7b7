"""Alive and ready are two things: a real collector whose work cannot be done says so."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.collector.support import Server, batch
from tests.support.namespaces import wait_until
from tests.support.ports import free_port


def is_alive(server: Server) -> bool:
    answer = server.get("/health/live")
    return (answer.status, answer.json) == (200, {"status": "alive"})


def until(server: Server, status: int) -> None:
    """Wait until /health has that status."""
    wait_until(
        f"/health answers {status}",
        lambda: server.get("/health").status == status,
        step_s=0.1,
    )


class ClickHouse(BaseHTTPRequestHandler):
    """A store whose tables are there and empty."""

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["Content-Length"])).decode()
        rows: list[list[object]] = []
        names = ["name", "ddl"]
        if "system.tables" in sql:
            ddl = "toIntervalDay(30) toIntervalDay(7)"
            tables = ("class_totals", "interface_totals", "sketches", "flows", "batches")
            rows = [[name, ddl] for name in tables]
        elif "count() AS sketches" in sql:
            names, rows = ["sketches"], [[0]]
        answer = {"meta": [{"name": name} for name in names], "data": rows}
        body = json.dumps(answer).encode() if "SELECT" in sql else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_store_that_starts_later_is_waited_for(tmp_path: Path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Server(tmp_path / "data", "--store-url", url).start(path="/health/live")
    try:
        assert "refused" in server.reason()
        assert server.get("/health").json["status"] == "starting"
        upload = server.post(batch(1))
        assert (upload.status, upload.headers["Retry-After"]) == (503, "5")
        assert server.get("/api/agents").status == 503
        assert server.get("/metrics").status == 200
        assert is_alive(server)
        with ThreadingHTTPServer(("127.0.0.1", port), ClickHouse) as late:
            threading.Thread(target=late.serve_forever).start()
            until(server, 200)
            assert server.get("/api/agents").status == 200
            assert server.stop() == 0
            late.shutdown()
        assert server.log().count("waiting for the store") == 1
    finally:
        if server.process and server.process.poll() is None:
            server.kill()


def test_waiting_for_a_store_ends_when_it_is_told_to(tmp_path: Path):
    server = Server(tmp_path / "data", "--store-url", "http://127.0.0.1:9")
    server.start(path="/health/live")
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 8


def test_a_folder_that_another_holds_is_one_line_and_neither(server: Server):
    other = Server(server.folder)
    with pytest.raises(AssertionError) as failure:
        other.start()
    assert "another collector uses it: stop that one" in str(failure.value)
    assert "Traceback" not in str(failure.value)
    with pytest.raises(OSError, match="refused"):
        other.get("/health/live")
    assert server.get("/health").status == 200


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "weir", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.root
def test_a_disk_that_is_full_or_read_only_is_alive_and_not_ready(tmp_path: Path):
    journal = tmp_path / "data" / "journal"
    with small_disk(journal):
        server = Server(tmp_path / "data").start()
        try:
            assert server.post(batch(1)).status == 200
            server.settled()
            free = os.statvfs(journal)
            filler = os.open(journal / "filler", os.O_CREAT | os.O_RDWR)
            os.posix_fallocate(filler, 0, free.f_bavail * free.f_frsize)
            os.close(filler)
            # Agents ask for health before they send, so that nothing has come meanwhile.
            assert "No space left" in server.reason()
            large = batch(2, heavy=500)
            assert server.post(large, coding="identity").status == 503
            assert is_alive(server)
            (journal / "filler").unlink()
            until(server, 200)
            assert server.post(large, coding="identity").json["duplicate"] is False

            assert server.stop() == 0
            subprocess.run(["mount", "-o", "remount,ro", journal], check=True)
            server.start(path="/health/live")
            assert "Read-only file system" in server.reason()
            assert is_alive(server)
            subprocess.run(["mount", "-o", "remount,rw", journal], check=True)
            until(server, 200)
            assert server.post(large).json["duplicate"] is True
            server.settled()
            assert server.get("/api/batches").json["count"] == 2
        finally:
            server.kill()
