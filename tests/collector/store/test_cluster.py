"""The door to a ClickHouse server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest

from collector.records import Rows
from collector.store import cluster, tables
from collector.store.answers import StoreError
from collector.store.cluster import Cluster
from collector.store.store import Store
from tests.collector.store.conftest import Slow


def test_an_engine_that_is_not_there_is_one_line(tmp_path: Path):
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9/.*refused"):
        Cluster("http://127.0.0.1:9", "default", "").execute("SELECT 1")


def test_rows_values_and_errors_go_over_http(http: Cluster):
    hostile = "it's \\ a\ttab, a\nline; DROP"
    sql = "SELECT {value:String} AS value, {many:Array(String)} AS many"
    found = http.query(sql, {"value": hostile, "many": [hostile, ""]})
    assert found == [{"value": hostile, "many": [hostile, ""]}]
    with pytest.raises(StoreError) as failure:
        http.execute("SELECT nosuch")
    assert "\n" not in str(failure.value)
    http.close()
    assert http.query("SELECT 1 AS one", {}) == [{"one": 1}]


def test_a_block_that_is_none_is_refused(http: Cluster):
    http.execute("CREATE TABLE IF NOT EXISTS memory_only (a UInt8) ENGINE = Memory")
    for data in (b"", b"\x01"):
        with contextlib.suppress(StoreError):
            http.insert("INSERT INTO memory_only (a)", data, "bad")
    assert http.query("SELECT count() AS found FROM memory_only", {}) == [{"found": 0}]
    http.insert("INSERT INTO memory_only (a)", b"\x01\x02\x01a\x05UInt8\x07\x08", "good")
    rows = http.query("SELECT sum(a) AS found FROM memory_only", {})
    assert rows == [{"found": 15}]
    http.execute("DROP TABLE memory_only")


def test_an_insert_that_we_gave_up_ends_before_it_is_undone(
    slow: Cluster, monkeypatch: pytest.MonkeyPatch
):
    """Else the server would add its rows after the second attempt had added them."""
    slow.execute("DROP DATABASE IF EXISTS weir_slow")
    store = Store(slow, tables.Site("weir_slow"))
    store.migrate()
    columns = {name: ["x"] for name, _ in tables.TABLES["class_totals"].columns}
    columns |= {name: [time.time_ns() // 10**6] for name in ("start", "end")}
    columns |= {name: [1] for name in ("frames", "packets", "bytes")}
    row = Rows("class_totals", columns, 1)
    with monkeypatch.context() as hurry:
        hurry.setattr(cluster, "TIMEOUT_SECONDS", 0.3)
        with pytest.raises(StoreError, match="timed out"):
            store.insert("class_totals", [row], "o", "o")
    store.undo("class_totals", "o")
    store.insert("class_totals", [row], "o", "o/2")
    counted = store.query("SELECT count() AS found FROM {db}.class_totals", {})
    assert counted == [{"found": 1}]
    assert Slow.has_ended.is_set()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nCode: 159", "broke off: Code: 159"),
        (b"nonsense\r\n\r\n", "nonsense"),
        (b"", "closed"),
    ],
)
def test_an_answer_that_breaks_off_is_an_error_of_the_store(sent: bytes, reason: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(StoreError, match=reason) as failure:
            Cluster(f"http://127.0.0.1:{port}", "default", "").query("SELECT 1", {})
        thread.join()
    assert "\n" not in str(failure.value)
