"""Both doors to one store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.store.answers import StoreError
from collector.store.cluster import Cluster
from collector.store.embedded import Embedded


class Shim(BaseHTTPRequestHandler):
    """ClickHouse's HTTP interface, as far as the door uses it."""

    door: Embedded

    def do_POST(self) -> None:
        fields = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query, True).items()}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if "query" in fields:
                statement = fields["query"].removesuffix(" FORMAT Native")
                self.door.insert(statement, body, fields["query_id"])
                text = ""
            else:
                values = {
                    name[6:]: value
                    for name, value in fields.items()
                    if name.startswith("param_")
                }
                text = self.raw(body.decode(), values)
            self.answer(200, text)
        except (StoreError, RuntimeError) as error:
            self.answer(404, str(error))

    def raw(self, sql: str, values: dict[str, str]) -> str:
        answer = self.door._session().query(sql, "JSONCompact", params=values or None)
        return str(answer)

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Slow(Shim):
    """A server that works on an insert for longer than anybody waits for its answer."""

    names: ClassVar[list[str]] = []
    may_end = threading.Event()
    has_ended = threading.Event()

    def do_POST(self) -> None:
        fields = parse_qs(urlsplit(self.path).query)
        if "query_id" not in fields or self.names:
            return super().do_POST()
        self.names.extend(fields["query_id"])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.may_end.wait(30)
        self.door.insert(fields["query"][0].removesuffix(" FORMAT Native"), body, "")
        self.has_ended.set()
        return None

    def raw(self, sql: str, values: dict[str, str]) -> str:
        if sql.startswith("KILL QUERY") and self.names[0].startswith(values["name"]):
            # It is too late to stop it: SYNC waits for its end.
            self.may_end.set()
            assert self.has_ended.wait(30)
        return super().raw(sql, values)


@pytest.fixture(scope="module")
def http(chdb: Embedded) -> Iterator[Cluster]:
    yield from served(chdb, Shim)


@pytest.fixture
def slow(chdb: Embedded) -> Iterator[Cluster]:
    """Slow at its first insert, which ends when it is asked about, or with the test."""
    yield from served(chdb, Slow)


def served(door: Embedded, kind: type[Shim]) -> Iterator[Cluster]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (kind,), {"door": door}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Cluster(f"http://127.0.0.1:{server.server_port}", "default", "")
    server.shutdown()
    server.server_close()
    thread.join()
