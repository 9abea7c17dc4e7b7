"""The endpoints that the agent remembers, across restarts."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

from agent.sketch.store import Settings, Store
from wire.errors import Malformed

NAME: Final = "endpoints.state"
LOG: Final = logging.getLogger("weir.agent")


def save(directory: Path, store: Store) -> None:
    """Replace what is remembered; a crash leaves the old or the new. Never raises OSError.

    What is lost here is one interval of memory: the counts themselves are in the batches.
    """
    path = directory / NAME
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(store.to_bytes())
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        LOG.warning(
            "%s: %s: endpoints would be forgotten at a restart", path, error.strerror
        )


def recall(directory: Path, settings: Settings, start_ns: int) -> Store:
    """The store of the agent before, or an empty one."""
    path = directory / NAME
    try:
        return Store.from_bytes(path.read_bytes(), settings, start_ns)
    except FileNotFoundError:
        return Store(settings, start_ns)
    except (OSError, Malformed) as error:
        LOG.warning("%s: not readable, endpoints start afresh: %s", path, error)
        return Store(settings, start_ns)
