"""A word to the user: a line for people, or JSON for programs; and the word to stop."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any

Tell = Callable[..., None]


def say(as_json: bool, data: dict[str, Any], text: str) -> None:
    """Print data as one object, or the text for people."""
    print(json.dumps(data) if as_json else text, flush=True)


def teller(as_json: bool) -> Tell:
    """Return what prints one event: a line for people, or an object a line."""

    def tell(event: str, text: str, **more: Any) -> None:
        say(as_json, {"event": event, "text": text, **more}, text)

    return tell


def stop_event() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop
