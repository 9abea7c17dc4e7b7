"""The page of the API: every operation, nothing from outside, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import re

from collector.api.handbook import page
from collector.api.openapi import document
from collector.records import Parameter, Route
from tests.collector.support import Server


async def nothing(_: object) -> None:
    """Stand for a handler."""


def test_every_operation_is_on_the_page_that_is_served(shared: Server):
    answer = shared.get("/api/docs")
    text = answer.data.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    for path, operations in shared.get("/api/openapi.json").json["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code>" in text
    assert set(re.findall(r'(?:href|src)="([^"]*)"', text)) == {"/", "/api/openapi.json"}
    assert "<script" not in text


def test_the_policy_allows_the_style_of_the_page_and_nothing_else(shared: Server):
    answer = shared.get("/api/docs")
    style = re.findall(r"<style>(.*?)</style>", answer.data.decode(), re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")


def test_text_of_a_route_cannot_become_markup():
    route = Route("GET", "/a/{b}", "viewer", "<b>&", nothing, "both",
                  (Parameter("c", "integer", "<i>"),))  # fmt: skip
    text = page(document([route], "1"))
    assert "<b>" not in text
    assert "&lt;b&gt;&amp; For viewers and administrators; on both ports." in text
    assert "<code>b</code> (path, string): part of the path" in text
    assert "<code>c</code> (query, integer): &lt;i&gt;" in text
