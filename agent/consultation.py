"""Gather what the doctor looks at: this machine, its agent and its collectors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from agent.config import Config
from agent.ship.door import Door, open_session
from agent.status.client import AgentError, Client, NotRunning
from agent.status.doctor import Finding, examine
from agent.status.facts import Reach, gather


async def findings(config: Config) -> Sequence[Finding]:
    """Ask everybody once. Raises CredentialsError where signing in is set up wrongly."""
    collectors = await _ask_collectors(config)
    answers = await asyncio.to_thread(_agent_answers, config)
    facts = await asyncio.to_thread(gather, config, collectors, answers, Path("/"))
    return examine(facts, config)


async def _ask_collectors(config: Config) -> tuple[Reach, ...]:
    async with open_session() as session:
        door = Door(config.agent, session, time.monotonic)
        reached = []
        for url in config.agent.backend_url:
            answer = await door.health(url)
            ahead = (
                None if answer.unix_seconds is None else answer.unix_seconds - time.time()
            )
            reached.append(Reach(url, answer.status, answer.error, ahead))
    return tuple(reached)


def _agent_answers(config: Config) -> bool:
    try:
        Client(Path(config.agent.runtime_dir)).get("/health")
    except (NotRunning, AgentError):
        return False
    return True
