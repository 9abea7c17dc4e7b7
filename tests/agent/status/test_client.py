"""How it asks a running agent is in test_server.py, with a server to ask."""

from __future__ import annotations

import socket

import pytest

from agent.status.client import Client, NotRunning


def test_without_an_agent_the_remedy_is_named(tmp_path):
    with pytest.raises(NotRunning) as refusal:
        Client(tmp_path).get("/")
    path = tmp_path / "agent.sock"
    assert str(refusal.value) == f"{path}: no agent answers: start it with weir-agent run"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(NotRunning, match="no agent answers"):
        Client(tmp_path).get("/")
