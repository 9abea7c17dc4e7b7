"""Both doors to one store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
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
                self.door.insert(statement, body)
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


@pytest.fixture(scope="module")
def http(chdb: Embedded) -> Iterator[Cluster]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Shim,), {"door": chdb}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Cluster(f"http://127.0.0.1:{server.server_port}", "default", "")
    server.shutdown()
    server.server_close()
    thread.join()
