"""A real collector in a namespace: started, killed, asked."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.namespaces import Namespace, wait_until

COLLECTOR = Path(sys.prefix) / "bin" / "weir-collector"
PORT = 8080


@dataclass
class Collector:
    """`weir-collector run` on the loopback of a namespace."""

    space: Namespace
    folder: Path
    auth: str = "none"
    token: str = ""  # shown by `ask`
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{PORT}"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        settings = {
            "bind-host": "127.0.0.1",
            "agent-port": PORT,
            "console-port": PORT,
            "data-dir": self.folder / "data",
            "auth": self.auth,
        }
        arguments = [f"--{key}={value}" for key, value in settings.items()]
        with (self.folder / "collector.log").open("a") as log:
            self.process = subprocess.Popen(
                self.space.command(str(COLLECTOR), "run", *arguments),
                stdout=log,
                stderr=log,
                text=True,
            )
        wait_until("the collector is ready", self.is_ready, timeout_s=60)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "collector.log").read_text()
        try:
            return bool(self.ask("/health")["status"] == "ok")
        except (OSError, http.client.HTTPException, KeyError, ValueError):
            return False

    def ask(self, path: str) -> dict[str, Any]:
        with self.space.entered():
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            connection.connect()
        try:
            shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request("GET", path, headers=shown)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def secret(self, kind: str, name: str) -> str:
        """Make a token: kind is --agent or --api."""
        command = [str(COLLECTOR), "token", "add", kind, name]
        done = subprocess.run(
            [*command, f"--data-dir={self.folder / 'data'}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
