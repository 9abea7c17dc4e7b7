"""The agent's API as a whole: the routes of every part, on a socket and over TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from agent import assemble
from agent.config import Config
from agent.regulation.predictions import Predictions
from agent.regulation.rulings import Rulings
from agent.ship.credentials import read_secret
from agent.source import DaemonSource
from agent.status.api import Api, Route
from agent.status.regulation import regulation_of
from agent.status.server import application, serve_tcp, serve_unix


def routes(
    source: DaemonSource, rulings: Rulings, predictions: Predictions
) -> tuple[Route, ...]:
    """Every path that the agent answers."""

    def stats() -> dict[str, Any]:
        told = rulings.stats()
        told["qos"] |= regulation_of(source.regulation())
        return {"predictor": predictions.stats(), **told}

    return (*Api(source, stats).routes(), *rulings.routes(), *predictions.routes())


@asynccontextmanager
async def served(
    config: Config, source: DaemonSource, routes: tuple[Route, ...]
) -> AsyncIterator[None]:
    """The API on its socket, and over TCP where an address is set. Raises ServeError."""
    agent = config.agent
    identity = {"service": "weir-agent", "version": assemble.version()}
    runners = [
        await serve_unix(application(routes, identity), Path(agent.runtime_dir)),
    ]
    try:
        if agent.api_host:
            secret = partial(read_secret, agent.api_token_file)
            app = application(routes, identity, secret)
            runners.append(await serve_tcp(app, agent.api_host, agent.api_port))
        yield
    finally:
        for runner in runners:
            await runner.cleanup()
