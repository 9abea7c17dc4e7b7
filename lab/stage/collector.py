"""A collector that runs while it is needed."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from lab.netns import processes
from lab.netns.processes import Child
from lab.stage.waiting import ShowFailed, ended, healthy, until, within


def check_ports(*ports: int) -> None:
    """Raise ShowFailed for a port that somebody uses."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise ShowFailed(
                    f"port {port}: {error.strerror}: stop what uses it, or give --port"
                ) from error


@asynccontextmanager
async def collector(
    words: Sequence[str],
    url: str,
    log: Path,
    started: Callable[[Child], None] = lambda _: None,
) -> AsyncIterator[Child]:
    """Run `weir-collector run` with these words, from well on; its console is at the url.

    started hears of the process before it is waited for. Raises ShowFailed.
    """
    child = await processes.start(
        "collector", processes.module("collector", "run", *words), log=log
    )
    try:
        started(child)
        await until([within(healthy(f"{url}/health"), child), ended(child)])
        yield child
    finally:
        await child.stop()
