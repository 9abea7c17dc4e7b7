"""The API's description, made from the route table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from collector.records import Route

SECURITY: Final[dict[str, list[dict[str, list[str]]]]] = {
    "open": [],
    "agent": [{"bearer": []}],
    "viewer": [{"bearer": []}, {"session": []}],
    "admin": [{"bearer": []}, {"session": []}],
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Weir collector",
            "version": version,
            "description": "Shapes of requests and answers: docs/http-api.md.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "weir_session"},
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["status", "error"],
                    "properties": {
                        "status": {"const": "error"},
                        "error": {"type": "string"},
                    },
                }
            },
        },
    }


def operation(route: Route) -> dict[str, Any]:
    """Return one route's description."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ] + [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.text,
            "schema": {"type": parameter.kind},
        }
        for parameter in route.parameters
    ]
    failure = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "summary": route.text,
        "operationId": operation_id(route),
        "x-role": route.role,
        "x-listener": route.side,
        "security": SECURITY[route.role],
        "parameters": parameters,
        "responses": {
            "200": {"description": "done"},
            "default": {"description": "refused or failed", "content": failure},
        },
    }


def operation_id(route: Route) -> str:
    """Return a name for a route: verb and words of its path."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.path)])
