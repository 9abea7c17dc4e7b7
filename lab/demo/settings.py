"""Where the demonstration keeps its things, and the settings it writes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONFIG = "generated.toml"
SYNC_S = 10
WALK_S = 5
"""Shorter than an operator would choose: who watches does not want to wait."""


@dataclass(frozen=True)
class Site:
    """The directory, the port and the pins of one demonstration."""

    directory: Path
    port: int
    pins: Path
    switch_id: str

    @property
    def config(self) -> Path:
        """Return the file that both daemons read."""
        return self.directory / CONFIG

    @property
    def url(self) -> str:
        """Return where the console is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def agent_port(self) -> int:
        """Return where the agent reports: the next port."""
        return self.port + 1

    @property
    def token_file(self) -> Path:
        """Return the file with the agent's secret."""
        return self.directory / "agent.token"

    @property
    def agent_socket(self) -> Path:
        """Return the agent's status socket."""
        return self.directory / "run" / "agent.sock"


def generated(site: Site, interfaces: Sequence[str]) -> str:
    """Return the TOML that both daemons read."""
    names = ", ".join(f'"{name}"' for name in interfaces)
    return f"""\
# Written by `weir-lab demo run`; the next run writes it again.
[agent]
switch_id = "{site.switch_id}"
backend_url = ["http://127.0.0.1:{site.agent_port}"]
token_file = "{site.token_file}"
data_dir = "{site.directory}/agent"
runtime_dir = "{site.agent_socket.parent}"
sync_interval = {SYNC_S}

[capture]
interfaces = [{names}]
walk_interval = {WALK_S}
pin_directory = "{site.pins}"

[collector]
bind_host = "127.0.0.1"
agent_port = {site.agent_port}
console_port = {site.port}
auth = "none"
data_dir = "{site.directory}/collector"
"""
