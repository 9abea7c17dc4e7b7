"""One collector put together over a store that is not there: nothing runs, all is wired."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.assemble import Assembly, Clocks, site_of
from collector.config import Config
from collector.records import Busy
from collector.store.answers import StoreError


class NoEngine:
    """A door to an engine that has every table and no row."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str) -> None:
        self.statements.append(sql)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "system.tables" not in sql:
            return []
        ddl = "toIntervalDay(30) toIntervalDay(7)"
        names = ("class_totals", "interface_totals", "sketches", "flows", "batches")
        return [{"name": name, "ddl": ddl} for name in names]

    def insert(self, statement: str, data: bytes, name: str) -> None:
        raise AssertionError(statement)

    def close(self) -> None:
        self.statements.append("close")


CLOCKS = Clocks(lambda: 1000.0, lambda: 10**12, lambda: 5.0)


@pytest.fixture
def door() -> NoEngine:
    return NoEngine()


@pytest.fixture
def assembly(tmp_path: Path, door: NoEngine) -> Iterator[Assembly]:
    one = Assembly(Config(data_dir=str(tmp_path)), door, CLOCKS)
    yield one
    one.close()
    assert door.statements[-1] == "close"


def paths(assembly: Assembly, side: str) -> set[tuple[str, str]]:
    return {(one.method, one.path) for one in assembly.routes if one.side in (side, "both")}


def test_no_path_is_taken_twice_and_every_role_is_one(assembly: Assembly):
    found = [(one.method, one.path) for one in assembly.routes]
    assert len(set(found)) == len(found)
    assert {one.role for one in assembly.routes} == {"open", "agent", "viewer", "admin"}
    assert ("POST", "/api/edge/sketches/binary") in paths(assembly, "agent")
    assert ("POST", "/api/edge/sketches/binary") not in paths(assembly, "console")
    assert ("GET", "/api/totals") not in paths(assembly, "agent")


def test_a_change_is_never_open_to_everyone(assembly: Assembly):
    open_changes = {
        (one.method, one.path)
        for one in assembly.routes
        if one.role == "open" and one.method != "GET"
    }
    assert open_changes == {("POST", "/api/auth/login")}


def test_one_port_is_one_listener_and_two_are_two(tmp_path: Path, assembly: Assembly):
    assert [port for port, _ in assembly.applications()] == [8080, 3000]
    config = Config(data_dir=str(tmp_path / "b"), agent_port=1, console_port=1)
    other = Assembly(config, NoEngine(), CLOCKS)
    assert [port for port, _ in other.applications()] == [1]
    other.close()


def test_a_relay_takes_uploads_in_place_of_the_intake(tmp_path: Path):
    config = Config(data_dir=str(tmp_path), backend_url="http://127.0.0.1:9")
    one = Assembly(config, NoEngine(), CLOCKS)
    assert one.relay is not None
    one.relay.forwarded, one.relay.failed = 3, 2
    figures = one.overview.counters().figures
    assert (figures["total_forwarded"], figures["errors"]) == (3, 2)
    roles = {route.role for route in one.routes if route.path.startswith("/api/edge/sk")
             and route.method == "POST"}  # fmt: skip
    assert roles == {"open"}
    assert ("GET", "/api/live") not in paths(one, "console")
    one.close()


def test_what_changes_while_running_and_what_waits(assembly: Assembly):
    new = dataclasses.replace(
        assembly.config, request_rate=1.0, agent_timeout=9.0, retention_days=5
    )
    assert assembly.adopt(new) == "retention_days"
    assert assembly.config.retention_days == 30
    assert assembly.config.request_rate == 1.0
    assert assembly.service.agent_timeout == assembly.overview.agent_timeout == 9.0
    assert [assembly.rates.take("a", 0.0) > 0 for _ in range(3)] == [False, False, True]
    assert assembly.adopt(assembly.config) == ""


def test_what_the_tables_depend_on():
    site = site_of(Config(store_database="d", store_cluster="c", retention_days=3))
    assert (site.database, site.cluster, site.retention_days, site.flow_retention_days) == (
        "d", "c", 3, 7,
    )  # fmt: skip


async def test_a_store_that_fails_is_no_failure_of_the_request(assembly: Assembly):
    """Each reader is told to come back; the log is not filled with tracebacks."""

    def question() -> None:
        raise StoreError("Timeout exceeded")

    with pytest.raises(Busy, match="the store fails: Timeout exceeded"):
        await assembly.read(question)
    assert await assembly.read(divmod, 7, 2) == (3, 1)
