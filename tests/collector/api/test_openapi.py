"""The description of every route."""

from __future__ import annotations

from pathlib import Path

from collector.api.openapi import document
from collector.records import Parameter, Route
from tests.collector.support import Server


def test_the_description_lists_every_route_and_the_page_of_docs_too(shared: Server):
    document = shared.get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    docs = (Path(__file__).parents[3] / "docs/http-api.md").read_text()
    for path, operations in document["paths"].items():
        assert path in docs, path
        for operation in operations.values():
            assert operation["summary"]
            assert operation["responses"]["200"]
    assert "/api/live" in document["paths"]


async def nothing(_: object) -> None:
    """Stand for a handler."""


def test_one_route_is_described_whole():
    route = Route(
        "GET", "/api/flows/{agent}/{name}", "viewer", "Flows.", nothing, "both",
        (Parameter("limit", "integer", "at most"),),
    )  # fmt: skip
    found = document([route], "1.2")
    assert found["info"]["version"] == "1.2"
    operation = found["paths"]["/api/flows/{agent}/{name}"]["get"]
    assert operation["operationId"] == "get_api_flows_agent_name"
    assert [(one["name"], one["in"]) for one in operation["parameters"]] == [
        ("agent", "path"), ("name", "path"), ("limit", "query"),
    ]  # fmt: skip
    assert operation["security"] == [{"bearer": []}, {"session": []}]
    assert (operation["x-role"], operation["x-listener"]) == ("viewer", "both")


def test_two_methods_of_a_path_stand_side_by_side():
    routes = [
        Route(method, "/api/x", role, "X.", nothing)
        for method, role in (("GET", "open"), ("POST", "agent"))
    ]
    operations = document(routes, "1")["paths"]["/api/x"]
    assert set(operations) == {"get", "post"}
    assert operations["get"]["security"] == []
    assert document([], "1")["paths"] == {}


def test_no_two_operations_share_a_name(shared: Server):
    paths = shared.get("/api/openapi.json").json["paths"].values()
    names = [one["operationId"] for operations in paths for one in operations.values()]
    assert len(set(names)) == len(names) > 20
