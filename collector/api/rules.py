"""QoS rules over HTTP: list, add, change, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from collector.bodies import read_object
from collector.records import CLASS_NAMES, Refused, Route

Run = Callable[..., Awaitable[Any]]
BODY_MAX: Final = 8192
BANDWIDTH_MAX_MBPS: Final = 1_000_000.0


class Rules(Protocol):
    """Where rules are kept; blocks."""

    def list(self) -> list[dict[str, Any]]:
        """Return every rule."""

    def add(self, rule: Mapping[str, Any], now: int) -> int:
        """Add one; KeyError when the type has one."""

    def change(self, traffic_type: str, rule: Mapping[str, Any], now: int) -> bool:
        """Replace one."""

    def remove(self, traffic_type: str) -> bool:
        """Delete one."""


class RuleBook:
    """Handlers of /api/qos/rules."""

    def __init__(self, rules: Rules, run: Run, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._run = run
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this module."""
        one = "/api/qos/rules/{traffic_type}"
        return (
            Route("GET", "/api/qos/rules", "viewer", "Every QoS rule.", self.list),
            Route("POST", "/api/qos/rules", "admin", "Add a QoS rule.", self.add),
            Route("PUT", one, "admin", "Replace a QoS rule.", self.change),
            Route("DELETE", one, "admin", "Delete a QoS rule.", self.remove),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Answer GET /api/qos/rules."""
        rows = await self._run(self._rules.list)
        return web.json_response({"count": len(rows), "rules": rows})

    async def add(self, request: web.Request) -> web.Response:
        """Answer POST /api/qos/rules."""
        body = await read_object(request, BODY_MAX)
        rule = {**checked(body), "traffic_type": traffic_type(body.get("traffic_type"))}
        try:
            number = await self._run(self._rules.add, rule, int(self._clock()))
        except KeyError:
            reason = f"{rule['traffic_type']} has a rule: change it with PUT"
            raise Refused(409, reason) from None
        return web.json_response({"status": "ok", "id": number, "rule": rule})

    async def change(self, request: web.Request) -> web.Response:
        """Answer PUT /api/qos/rules/{traffic_type}."""
        name = traffic_type(request.match_info["traffic_type"])
        rule = checked(await read_object(request, BODY_MAX))
        if not await self._run(self._rules.change, name, rule, int(self._clock())):
            raise Refused(404, f"{name} has no rule: add it with POST")
        return web.json_response({"status": "ok", "rule": {**rule, "traffic_type": name}})

    async def remove(self, request: web.Request) -> web.Response:
        """Answer DELETE /api/qos/rules/{traffic_type}."""
        name = traffic_type(request.match_info["traffic_type"])
        if not await self._run(self._rules.remove, name):
            raise Refused(404, f"{name} has no rule")
        return web.json_response({"status": "ok"})


def traffic_type(value: Any) -> str:
    """Return a class name. Raises Refused."""
    if value not in CLASS_NAMES:
        raise Refused(400, f"traffic_type: one of {', '.join(CLASS_NAMES)}")
    return str(value)


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's values, in Mbit/s where they are bandwidths. Raises Refused."""
    enabled = body.get("enabled", True)
    if not isinstance(enabled, bool):
        raise Refused(400, "enabled: true or false")
    rule = {
        "priority": number(body, "priority", 7, whole=True),
        "min_bandwidth": number(body, "min_bandwidth", BANDWIDTH_MAX_MBPS),
        "max_bandwidth": number(body, "max_bandwidth", BANDWIDTH_MAX_MBPS),
        "dscp": number(body, "dscp", 63, whole=True),
        "enabled": enabled,
    }
    if rule["min_bandwidth"] > rule["max_bandwidth"]:
        raise Refused(400, "min_bandwidth: must not exceed max_bandwidth")
    return rule


def number(body: Mapping[str, Any], name: str, most: float, whole: bool = False) -> Any:
    """Return a number from 0 to most; dscp may be left out. Raises Refused."""
    value = body.get(name, 0 if name == "dscp" else None)
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= most:
        raise Refused(
            400, f"{name}: a{' whole' if whole else ''} number from 0 to {most:g}"
        )
    return value
