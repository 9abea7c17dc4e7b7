"""The door to a ClickHouse server or cluster, over HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from collector.store.answers import StoreError, first_line, literal, rows_of

TIMEOUT_SECONDS: Final = 60.0


class Cluster:
    """One server's HTTP interface; any thread."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url + "/"
        self._headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        self._post({}, sql.encode())

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows; {name:Type} in the SQL takes its value from parameters."""
        fields = {f"param_{name}": literal(value) for name, value in parameters.items()}
        fields["default_format"] = "JSONCompact"
        return rows_of(self._post(fields, sql.encode()).decode())

    def insert(self, statement: str, data: bytes, name: str) -> None:
        """Run an INSERT whose rows come as one Native block, under a name of its own."""
        fields = {"query": f"{statement} FORMAT Native", "wait_end_of_query": "1"}
        self._post({**fields, "query_id": name}, data)

    def _post(self, fields: Mapping[str, str], body: bytes) -> bytes:
        request = urllib.request.Request(
            f"{self._url}?{urlencode(fields)}", data=body, headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                data: bytes = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            raise StoreError(first_line(text)) from error
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(f"{self._url}: {first_line(error)}") from error
        return data

    def close(self) -> None:
        """Nothing is kept open between requests."""
