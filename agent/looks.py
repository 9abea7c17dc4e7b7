"""Commands that only look: status, top, doctor."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from agent.config import Config
from agent.status.client import Client
from agent.status.doctor import Level, as_json, lines, worst
from agent.status.top import first, render, watch

PIPE_COLUMNS: Final = 200


def status(config: Config, options: argparse.Namespace) -> int:
    """Print what the running agent answers. Raises NotRunning, AgentError."""
    client = Client(Path(config.agent.runtime_dir))
    answer = client.get("/status")
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        # Nobody folds lines in a file or a pipe.
        console = Console() if sys.stdout.isatty() else Console(width=PIPE_COLUMNS)
        console.print(render(first(answer, client.get("/flows?limit=10"))))
    return 0


def top(config: Config, options: argparse.Namespace) -> int:
    """Show a live view until interrupted. Raises NotRunning, AgentError."""
    with contextlib.suppress(KeyboardInterrupt):
        watch(Client(Path(config.agent.runtime_dir)), options.every, Console())
    return 0


def doctor(config: Config, options: argparse.Namespace) -> int:
    """Examine this machine; 1 where something has failed. Raises CredentialsError."""
    # Not above: the other commands speak to no collector.
    import asyncio

    from agent import consultation

    findings = asyncio.run(consultation.findings(config))
    if options.json:
        print(json.dumps(as_json(findings), indent=2))
    else:
        print("\n".join(lines(findings)))
    return 1 if worst(findings) is Level.FAILED else 0


COMMANDS: Final[Mapping[str, Callable[[Config, argparse.Namespace], int]]] = {
    "status": status,
    "top": top,
    "doctor": doctor,
}
