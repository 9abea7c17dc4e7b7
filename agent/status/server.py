"""Serve a table of routes: on a Unix socket, and over TCP to those who hold the token."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from agent.status.api import Handler, Refused, Route

LOG: Final = logging.getLogger(__name__)

BODY_BYTES_MAX: Final = 256 * 1024
"""The largest request is a list of predictions; a batch of 1,000 takes half of this."""
SOCKET_NAME: Final = "agent.sock"
OPEN_PATHS: Final = ("/health",)
"""Paths that need no token: what a supervisor or a load balancer asks for."""
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ServeError(Exception):
    """The API cannot be served: one line with the reason."""


def application(
    routes: Sequence[Route],
    identity: dict[str, str],
    token: Callable[[], str] | None = None,
) -> web.Application:
    """Return the application for these routes and an index of them at `/`.

    identity: service and version. token returns the secret that callers must show; None
    lets everybody in who can open the socket.
    """
    index = {
        **identity,
        "endpoints": {f"{route.method} {route.path}": route.text for route in routes},
    }

    async def root(request: web.Request) -> web.Response:
        return web.json_response(index)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if token is not None and request.path not in OPEN_PATHS:
                _check(request, token())
            response = await handler(request)
        except Refused as refusal:
            response = failure(refusal.status, str(refusal))
        except web.HTTPException as error:
            response = failure(error.status, error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        response.headers.update(HEADERS)
        return response

    app = web.Application(middlewares=[guard], client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/", root)
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    return app


def failure(status: int, reason: str) -> web.Response:
    """Return the one shape of every refusal."""
    return web.json_response({"status": "error", "error": reason}, status=status)


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that a request carries. Raises Refused."""
    value = await read_json(request)
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    return value


async def read_json(request: web.Request) -> Any:
    """Return the JSON value that a request carries. Raises Refused, HTTPException."""
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refused(400, "the body must be JSON") from None


async def serve_unix(app: web.Application, directory: Path) -> web.AppRunner:
    """Listen on agent.sock in a directory; the caller cleans the runner up.

    Root and the directory's group may connect. Raises ServeError.
    """
    path = directory / SOCKET_NAME
    runner = await _runner(app)
    try:
        await asyncio.to_thread(_prepare, path)
        await web.UnixSite(runner, str(path)).start()
        await asyncio.to_thread(path.chmod, 0o660)
    except (OSError, ServeError) as error:
        await runner.cleanup()
        if isinstance(error, ServeError):
            raise
        raise ServeError(f"{path}: {error.strerror or error}: see to runtime_dir") from None
    return runner


async def serve_tcp(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen on an address; the caller cleans the runner up. Raises ServeError."""
    runner = await _runner(app)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or error
        raise ServeError(f"api_host {host}, api_port {port}: {reason}") from None
    return runner


async def _runner(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    return runner


def _prepare(path: Path) -> None:
    """Remove the socket that a killed agent left. Raises ServeError when one answers."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise ServeError(f"{path}: in use: stop the other agent, or set another runtime_dir")


def _check(request: web.Request, token: str) -> None:
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(shown.encode(), token.encode()):
        raise Refused(401, "show the token of api_token_file: Authorization: Bearer ...")
