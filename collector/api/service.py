"""Health, metrics, agents and alerts: how the collector and those who report to it are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from collector.api import metrics, query
from collector.records import NANOSECONDS, Parameter, Refused, Route

Run = Callable[..., Awaitable[Any]]
SKEW_SECONDS_MAX: Final = 5.0


class Status(Protocol):
    """What the daemon knows about itself."""

    def health(self) -> dict[str, Any]:
        """Return status (ok, starting, failing), service, version, backend_url."""

    def measured(self) -> dict[str, Any]:
        """Return CPU, memory, disk, backlog."""

    def counters(self) -> metrics.Snapshot:
        """Return every metric."""


class Registry(Protocol):
    """The agents; blocks."""

    def list(self) -> list[dict[str, Any]]:
        """Return every agent's row."""


class Alerts(Protocol):
    """The alerts; blocks."""

    def list(self, unresolved: bool, limit: int) -> list[dict[str, Any]]:
        """Return alerts."""

    def resolve(self, number: int, now: int) -> bool:
        """Resolve one."""


class Live(Protocol):
    """The live samples."""

    def clocks(self) -> Mapping[str, tuple[float, float]]:
        """Return agent → (last sample, seconds its clock is ahead)."""


class Missing(Protocol):
    """The ledger's gaps."""

    def missing(self, agent: str, boot: bytes) -> int:
        """Return how many batches never came."""


class Service:
    """Handlers about the collector and its agents."""

    def __init__(
        self,
        status: Status,
        control: tuple[Registry, Alerts, Missing, Live],
        run: Run,
        clock: Callable[[], float],
        agent_timeout: float,
    ) -> None:
        self._status = status
        self._registry, self._alerts, self._ledger, self._live = control
        self._run = run
        self._clock = clock
        self.agent_timeout = agent_timeout

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this module."""
        return (
            Route("GET", "/health", "open", "Ready or not, and why.", self.health, "both"),
            Route("GET", "/health/live", "open", "Alive, whether ready or not.",
                  self.alive, "both"),
            Route("GET", "/health/detailed", "open", "Ready or not; CPU, memory, backlog.",
                  self.detailed, "both"),
            Route("GET", "/metrics", "open",
                  "JSON; Prometheus text when Accept asks for it.", self.metrics, "both"),
            Route("GET", "/metrics/prometheus", "open", "Prometheus text.",
                  self.prometheus, "both"),
            Route("GET", "/api/agents", "viewer", "Every agent: health, clock, gaps, lag.",
                  self.agents),
            Route("GET", "/api/alerts", "viewer", "Alerts, newest first.", self.alerts,
                  parameters=(Parameter("unresolved", "boolean", "only open ones"),
                              Parameter("limit", "integer", "at most so many"))),
            Route("POST", "/api/alerts/{id}/resolve", "admin", "Resolve an alert.",
                  self.resolve),
        )  # fmt: skip

    async def health(self, request: web.Request) -> web.Response:
        """Answer GET /health; 503 while not ready."""
        health = self._status.health()
        return web.json_response(health, status=200 if health["status"] == "ok" else 503)

    async def alive(self, request: web.Request) -> web.Response:
        """Answer GET /health/live: nothing else that this process does is waited for."""
        return web.json_response({"status": "alive"})

    async def detailed(self, request: web.Request) -> web.Response:
        """Answer GET /health/detailed; 503 while not ready."""
        health = self._status.health()
        measured = await self._run(self._status.measured)
        return web.json_response(
            {**health, **measured}, status=200 if health["status"] == "ok" else 503
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer GET /metrics in the form that Accept names."""
        accept = request.headers.get("Accept", "")
        if "text/plain" in accept or "openmetrics" in accept:
            return await self.prometheus(request)
        return web.json_response(self._status.counters().as_json())

    async def prometheus(self, request: web.Request) -> web.Response:
        """Answer GET /metrics/prometheus."""
        body = metrics.prometheus(self._status.counters())
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def agents(self, request: web.Request) -> web.Response:
        """Answer GET /api/agents."""
        rows = await self._run(self._registry.list)
        clocks, now = self._live.clocks(), self._clock()
        agents = [self.shape(row, clocks.get(row["agent"]), now) for row in rows]
        known = {row["agent"] for row in rows}
        agents += [
            self.unreported(name, clocks[name], now) for name in clocks if name not in known
        ]
        return web.json_response({"count": len(agents), "agents": agents})

    def shape(
        self, row: Mapping[str, Any], live: tuple[float, float] | None, now: float
    ) -> dict[str, Any]:
        """Return an agent's row as the API gives it."""
        last_seen = max(row["last_seen_ns"] / NANOSECONDS, live[0] if live else 0.0)
        skew = live[1] if live else nanoseconds(row["skew_ns"])
        missing = self._ledger.missing(row["agent"], row["boot"])
        return {
            "name": row["agent"],
            "health": health_of(now - last_seen, self.agent_timeout, missing, skew),
            "hostname": row["hostname"],
            "version": row["version"],
            "boot": row["boot"].hex(),
            "sequence": row["sequence"],
            "missing_batches": missing,
            "batches": row["batches"],
            "bytes": row["bytes"],
            "first_seen": row["first_seen_ns"] / NANOSECONDS,
            "last_seen": last_seen,
            "last_batch": row["last_batch_ns"] / NANOSECONDS,
            "lag_seconds": row["lag_ns"] / NANOSECONDS,
            "clock_skew_seconds": skew,
            "is_live": live is not None and now - live[0] < SKEW_SECONDS_MAX,
            "interfaces": row["interfaces"],
            "status": row["health"],
        }

    def unreported(
        self, name: str, live: tuple[float, float], now: float
    ) -> dict[str, Any]:
        """Return an agent that sends live samples but has not closed a batch yet."""
        row = {
            "agent": name, "hostname": "", "version": "", "boot": b"", "sequence": 0,
            "batches": 0, "bytes": 0, "last_seen_ns": 0, "skew_ns": None, "lag_ns": 0,
            "first_seen_ns": live[0] * NANOSECONDS, "last_batch_ns": 0,
            "interfaces": [], "health": {},
        }  # fmt: skip
        return self.shape(row, live, now)

    async def alerts(self, request: web.Request) -> web.Response:
        """Answer GET /api/alerts."""
        unresolved = query.flag(request.query, "unresolved")
        limit = query.whole(request.query, "limit", 50, 1, 1000)
        rows = await self._run(self._alerts.list, unresolved, limit)
        return web.json_response({"count": len(rows), "alerts": rows})

    async def resolve(self, request: web.Request) -> web.Response:
        """Answer POST /api/alerts/{id}/resolve."""
        number = query.whole(request.match_info, "id", 0, 0, 2**53)
        if not await self._run(self._alerts.resolve, number, int(self._clock())):
            raise Refused(404, f"no open alert {number}")
        return web.json_response({"status": "ok"})


def nanoseconds(value: int | None) -> float | None:
    """Return seconds, or None."""
    return value / NANOSECONDS if value is not None else None


def health_of(silent: float, timeout: float, missing: int, skew: float | None) -> str:
    """Return online, degraded (gaps or a wrong clock), late or offline."""
    if silent > 2 * timeout:
        return "offline"
    if silent > timeout:
        return "late"
    if missing or (skew is not None and abs(skew) > SKEW_SECONDS_MAX):
        return "degraded"
    return "online"
