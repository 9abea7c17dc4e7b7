"""Where the demonstration keeps its things, and the settings it writes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYNC_S = 10
WALK_S = 5
"""Shorter than an operator would choose: who watches does not want to wait."""


@dataclass(frozen=True)
class Site:
    """The directory, the port and the pins of one demonstration."""

    directory: Path
    port: int
    pins: Path

    @property
    def url(self) -> str:
        """Return where console and collector are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        """Return the file with the agent's secret."""
        return self.directory / "agent.token"

    @property
    def agent_socket(self) -> Path:
        """Return the agent's status socket."""
        return self.directory / "run" / "agent.sock"

    def token_words(self, config: str) -> list[str]:
        """Return the collector's command that makes the agent's token."""
        return ["token", "add", "demo-router", "-c", config]


@dataclass(frozen=True)
class Wiring:
    """Who the agent is and what it watches."""

    switch_id: str
    interfaces: tuple[str, ...]


def generated(site: Site, wiring: Wiring) -> str:
    """Return the TOML that both daemons read."""
    interfaces = ", ".join(f'"{name}"' for name in wiring.interfaces)
    return f"""\
# Written by `weir-lab demo run`; the next run writes it again.
[agent]
switch_id = "{wiring.switch_id}"
backend_url = ["{site.url}"]
token_file = "{site.token_file}"
data_dir = "{site.directory}/agent"
runtime_dir = "{site.agent_socket.parent}"
sync_interval = {SYNC_S}

[capture]
interfaces = [{interfaces}]
walk_interval = {WALK_S}
pin_directory = "{site.pins}"

[collector]
bind_host = "127.0.0.1"
agent_port = {site.port}
console_port = {site.port}
auth = "none"
data_dir = "{site.directory}/collector"
"""
