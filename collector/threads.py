"""Where blocking work runs, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Threads:
    """The pools of one collector."""

    decode: Executor
    journal: Executor
    writer: Executor
    readers: Executor

    async def run(self, pool: Executor, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run work on a pool and wait for its result."""
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
