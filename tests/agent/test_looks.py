"""Commands that only look, at a machine without an agent and at one that answers."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from agent import looks
from agent.config import Agent, Capture, Config
from agent.status.client import SOCKET_NAME, NotRunning

ANSWERS: dict[str, Any] = {"/status": {"switch_id": "edge"}}


class Answering(BaseHTTPRequestHandler):
    """Says what ANSWERS has."""

    def address_string(self) -> str:
        return "unix"

    def do_GET(self) -> None:
        data = json.dumps(ANSWERS.get(self.path, {})).encode()
        self.send_response(200 if self.path in ANSWERS else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def config(folder: Path) -> Config:
    return Config(
        Agent(runtime_dir=str(folder), data_dir=str(folder)), Capture(interfaces=("lo",))
    )


@pytest.fixture
def answered(tmp_path: Path) -> Iterator[Config]:
    server = ThreadingUnixStreamServer(str(tmp_path / SOCKET_NAME), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield config(tmp_path)
    server.shutdown()
    server.server_close()
    thread.join()


def options(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"json": True, "every": 1.0, **given})


def test_status_is_what_the_agent_says(
    answered: Config, capsys: pytest.CaptureFixture[str]
):
    assert looks.status(answered, options()) == 0
    assert json.loads(capsys.readouterr().out) == ANSWERS["/status"]


@pytest.mark.parametrize("command", ["status", "top"])
def test_without_an_agent_there_is_nothing_to_see(tmp_path: Path, command: str):
    with pytest.raises(NotRunning) as failure:
        looks.COMMANDS[command](config(tmp_path), options(json=False))
    assert "\n" not in str(failure.value)


def test_the_doctor_ends_with_one_exactly_where_something_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for given in (options(), options(json=False)):
        status = looks.doctor(config(tmp_path), given)
        said = capsys.readouterr().out
        if given.json:
            found = json.loads(said)
            levels = {one["level"] for one in found["findings"]}
            assert status == int("failed" in levels)
            assert {"kernel", "interfaces"} <= {one["subject"] for one in found["findings"]}
        assert said.endswith("\n")


def test_every_look_has_its_command():
    assert set(looks.COMMANDS) == {"status", "top", "doctor"}
