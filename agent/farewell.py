"""Take everything off the router, after the last counts are on disk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent import assemble
from agent.capture.loader import pins
from agent.capture.session import Session
from agent.config import Config
from agent.records import Tick
from agent.ship.parcel import pack
from agent.ship.spool import Spool

ROUNDS_MAX: Final = 4096
"""Batches at the very most: a full map over the smallest ring."""


def detach(config: Config, open_spool: Callable[[], Spool]) -> list[str]:
    """Report what is counted, then remove programs, links, maps. Returns what was done.

    Raises SpoolError where the last counts cannot be kept: then nothing was removed.
    """
    directory = Path(config.capture.pin_directory)
    if pins.read_epoch(directory) is None:
        pins.remove(directory)
        return ["nothing was attached"]
    spool = open_spool()
    try:
        # Watching nothing makes every adopted interface leave, with all its counts.
        nothing = dataclasses.replace(config.capture, interfaces=(), interface=())
        session = assemble.session(dataclasses.replace(config, capture=nothing))
        names = [row["name"].decode() for row in session.kernel.slots() if row["flags"] & 1]
        batches = _report(config, session, spool)
        session.close()
    finally:
        spool.close()
    pins.remove(directory)
    return [f"{name}: detached" for name in names] + [
        f"{batches} batches kept for delivery"
    ]


def _report(config: Config, session: Session, spool: Spool) -> int:
    last = spool.last_sequence(session.pinned.boot)
    pipeline = assemble.pipeline(config, session, last, time.time_ns())
    for done in range(1, ROUNDS_MAX):
        now_ns = time.monotonic_ns()
        offset_ns = time.time_ns() - now_ns
        outputs = pipeline.step(Tick(now_ns, offset_ns, closing=True, final=True))
        if outputs.batch is not None:
            spool.append(pack(outputs.batch, config.agent.compression), time.time_ns())
            pipeline.committed()
        if not len(pipeline.live):
            return done
    return ROUNDS_MAX
