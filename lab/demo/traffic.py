"""Traffic over the whole lab: one process in each namespace that talks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from lab.netns import processes, state
from lab.netns.topology import Topology

READY_S = 15.0
SERVER_EXTRA_S = 5.0
"""The server outlasts its clients, so that no session ends in an error."""


@dataclass(frozen=True)
class Wish:
    """How much traffic is wanted."""

    seconds: float
    rate_bps: float
    seed: int
    classes: tuple[str, ...]
    progress_s: float = 5.0


class TrafficFailed(Exception):
    """A process of the traffic did not do its work; one line for the user."""


class Traffic:
    """Traffic that runs until its time is over or it is stopped."""

    def __init__(self, plan: Topology, wish: Wish) -> None:
        self._plan = plan
        self._wish = wish
        self._stack = AsyncExitStack()
        self._latest: dict[str, dict[str, Any]] = {}
        self._readers: list[asyncio.Task[None]] = []
        self._clients: list[processes.Child] = []
        self._server: processes.Child | None = None

    async def __aenter__(self) -> Traffic:
        async with AsyncExitStack() as stack:
            server = await self._start("server", self._plan.server, stack, "serve")
            async with asyncio.timeout(READY_S):
                await self._heard("server")
            for number, host in enumerate(self._plan.hosts):
                name = host.space.removeprefix(f"{self._plan.prefix}-")
                child = await self._start(name, host.space, stack, "drive", number)
                self._clients.append(child)
            self._server = server
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def finished(self) -> None:
        """Wait for every client's end. TrafficFailed: a client ended badly."""
        statuses = await asyncio.gather(*(child.process.wait() for child in self._clients))
        for child, status in zip(self._clients, statuses, strict=True):
            if status != 0:
                raise TrafficFailed(
                    f"traffic of {child.what}: ended with status {status}: see above"
                )

    async def report(self) -> dict[str, Any]:
        """Stop everything and return what each end says of each class."""
        for child in (*self._clients, *([self._server] if self._server else [])):
            await child.stop()
        await asyncio.gather(*self._readers)
        return {"clients": self.totals(), "server": self._latest.get("server", {})}

    def totals(self) -> dict[str, dict[str, int]]:
        """Return the latest sums of all clients, by class."""
        sums: dict[str, Counter[str]] = {}
        for name, classes in self._latest.items():
            if name == "server":
                continue
            for traffic_class, numbers in classes.items():
                sums.setdefault(traffic_class, Counter()).update(numbers)
        return {traffic_class: dict(numbers) for traffic_class, numbers in sums.items()}

    async def _start(
        self, name: str, space: str, stack: AsyncExitStack, end: str, number: int = 0
    ) -> processes.Child:
        child = await processes.start(
            name, processes.module("lab", *self._words(end, number)), space=space
        )
        stack.push_async_callback(child.stop)
        state.remember_process(self._plan.prefix, child.pid, f"traffic of {name}")
        reader = asyncio.ensure_future(self._read(name, child))
        stack.callback(reader.cancel)
        self._readers.append(reader)
        return child

    def _words(self, end: str, number: int) -> list[str]:
        wish = self._wish
        serving = end == "serve"
        seconds = wish.seconds + SERVER_EXTRA_S if serving else wish.seconds
        rate = wish.rate_bps if serving else wish.rate_bps / len(self._plan.hosts)
        return [
            "traffic",
            end,
            f"--ipv4={','.join(self._plan.server_ipv4)}",
            f"--ipv6={','.join(self._plan.server_ipv6)}",
            f"--seconds={seconds}",
            f"--rate={rate}",
            f"--seed={wish.seed + number}",
            f"--classes={','.join(wish.classes)}",
            f"--progress={wish.progress_s}",
        ]

    async def _read(self, name: str, child: processes.Child) -> None:
        async for line in child.lines():
            event = json.loads(line)
            self._latest[name] = event.get("classes", {})

    async def _heard(self, name: str) -> None:
        while name not in self._latest:
            if self._readers[0].done():
                raise TrafficFailed(f"traffic of {name}: did not start: see above")
            await asyncio.sleep(0.02)


def summary(totals: Mapping[str, Mapping[str, int]]) -> str:
    """Return one line for people: what each class has moved so far."""
    parts = []
    for name, numbers in totals.items():
        moved = numbers["sent_bytes"] + numbers["received_bytes"]
        trouble = f" ({numbers['errors']} errors)" if numbers["errors"] else ""
        parts.append(f"{name} {moved / 1e6:.1f} MB{trouble}")
    return ", ".join(parts) or "starting"
