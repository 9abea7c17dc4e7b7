"""Ask the running agent, over its socket. For the command line: plain and blocking."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, Final

SOCKET_NAME: Final = "agent.sock"
TIMEOUT_SECONDS: Final = 10.0


class NotRunning(Exception):
    """Nobody answers: one line with the remedy."""


class AgentError(Exception):
    """The agent refused: one line with its reason."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("agent", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Open the socket instead of a TCP connection."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))


class Client:
    """Questions to the agent whose socket lies in a directory."""

    def __init__(self, runtime_directory: Path) -> None:
        self._path = runtime_directory / SOCKET_NAME

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to GET. Raises NotRunning, AgentError."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return the answer to a request with an optional JSON body.

        A health answer of 503 is an answer. Raises NotRunning, AgentError.
        """
        connection = _UnixConnection(self._path)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Accept": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"{self._path}: no agent answers: start it with weir-agent run"
            ) from None
        except PermissionError:
            raise NotRunning(
                f"{self._path}: not allowed: run this as root or in the socket's group"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotRunning(f"{self._path}: no good answer: {error}") from None
        finally:
            connection.close()
        if not isinstance(answer, dict):
            raise AgentError(f"{path}: not an object")
        if answer.get("status") == "error":
            raise AgentError(f"{path}: {answer.get('error', response.status)}")
        return answer
