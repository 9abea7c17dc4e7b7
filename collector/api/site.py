"""Routes to applications: one listener for agents, one for people, or one for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from collector.api import handbook, openapi
from collector.api.gate import Gate
from collector.api.static import Console
from collector.records import Route


def description_routes(routes: Sequence[Route], version: str) -> tuple[Route, Route]:
    """Return the routes that describe all routes, themselves among them."""

    async def describe(request: web.Request) -> web.Response:
        return web.json_response(openapi.document([*routes, *own], version))

    async def show(request: web.Request) -> web.Response:
        return web.Response(
            text=handbook.page(openapi.document([*routes, *own], version)),
            content_type="text/html",
            headers={"Content-Security-Policy": handbook.POLICY},
        )

    own = (
        Route("GET", "/api/openapi.json", "open", "This description.", describe),
        Route("GET", "/api/docs", "open", "This description as a page.", show),
    )
    return own


def table(routes: Sequence[Route]) -> dict[tuple[str, str], Route]:
    """Return routes by method and path, as the gate looks them up."""
    found = {(route.method, route.path): route for route in routes}
    return found | {
        ("HEAD", route.path): route for route in routes if route.method == "GET"
    }


def application(
    routes: Sequence[Route], sides: Sequence[str], gate: Gate, console: Console | None
) -> web.Application:
    """Return the application of a listener that serves these sides."""
    app = web.Application(middlewares=[gate.middleware])
    for route in routes:
        if route.side == "both" or route.side in sides:
            add(app, route)
    if console is not None:
        app.router.add_get("/{path:.*}", console.serve)
    return app


def add(app: web.Application, route: Route) -> None:
    """Add one route."""
    handler: Any = route.handler
    app.router.add_route(route.method, route.path, handler)
    if route.method == "GET" and route.path != "/api/live":
        app.router.add_route("HEAD", route.path, handler)
