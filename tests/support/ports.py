"""Ports for servers under test, of several workers at once."""

from __future__ import annotations

import contextlib
import secrets
import socket

_FIRST, _COUNT = 10_000, 10_000
"""Below those that the kernel gives to outgoing connections (from 32,768).

Tests of traffic move the services' own ports to 21,000 and above.
"""


def free_port(following: int = 0) -> int:
    """Return a port of 127.0.0.1 that is free, and so are the next ones."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with contextlib.ExitStack() as held:
            try:
                for one in range(port, port + following + 1):
                    held.enter_context(socket.create_server(("127.0.0.1", one)))
            except OSError:
                continue
            return port
