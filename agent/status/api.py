"""The agent's HTTP API: a table of routes, each a method of one small class."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from agent.reports import SpoolState, UplinkState
from agent.status import flows, metrics
from agent.status.regulation import regulation_of
from agent.status.snapshot import Snapshot, Source, classes, directions

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One path. Rooms add theirs to the list that the daemon serves."""

    method: str
    path: str
    text: str  # a sentence for the index
    handler: Handler


class Refused(Exception):
    """The request is at fault; the text tells its sender why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Api:
    """Answers from one source."""

    def __init__(
        self, source: Source, stats: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        """stats returns predictor, allocator and qos of GET /stats."""
        self._source = source
        self._stats = stats

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room."""
        return (
            Route("GET", "/health", "Ready or not; which hooks are in use.", self.health),
            Route("GET", "/status", "Every count, both sides at one moment.", self.status),
            Route("GET", "/interfaces", "Watched interfaces.", self.interfaces),
            Route("GET", "/flows", "Live flows; limit, sort, filters.", self.flows),
            Route("GET", "/sketches", "Endpoints and their estimates.", self.sketches),
            Route("GET", "/summary", "How much is kept.", self.summary),
            Route("GET", "/stats", "Predictor, allocator and QoS.", self.stats),
            Route("GET", "/metrics", "JSON, or Prometheus text by Accept.", self.metrics),
            Route("GET", "/metrics/prometheus", "Prometheus text.", self.prometheus),
            Route("POST", "/sync", "Close the interval and deliver it.", self.sync),
        )

    async def health(self, request: web.Request) -> web.Response:
        """Answer GET /health; 503 until packets are counted."""
        now = await self._source.snapshot()
        body = {
            "status": now.state,
            "switch_id": now.switch_id,
            "service": "weir-agent",
            "version": now.version,
            "timestamp": now.now_ns / 1e9,
            "problems": list(now.problems),
            "qos": regulation_of(now.regulator),
            "capture": {
                "loader": now.loader,
                "interfaces": {
                    item.name: {"rx": item.rx_mode, "tx": item.tx_mode, "is_up": item.is_up}
                    for item in now.interfaces
                },
            },
        }
        return web.json_response(body, status=200 if now.ready else 503)

    async def status(self, request: web.Request) -> web.Response:
        """Answer GET /status: what `weir-agent status --json` prints."""
        return web.json_response(status_of(await self._source.snapshot(exact=True)))

    async def interfaces(self, request: web.Request) -> web.Response:
        """Answer GET /interfaces."""
        rows = interfaces_of(await self._source.snapshot())
        return web.json_response({"count": len(rows), "interfaces": rows})

    async def flows(self, request: web.Request) -> web.Response:
        """Answer GET /flows."""
        try:
            query = flows.parse(request.query)
        except flows.BadQuery as error:
            raise Refused(400, str(error)) from None
        now = await self._source.snapshot()
        matched, rows = await asyncio.to_thread(flows.select, now, query)
        body = {
            "switch_id": now.switch_id,
            "as_of": now.walked_ns / 1e9,
            "total": len(now.flows),
            "matched": matched,
            "count": len(rows),
            "flows": rows,
        }
        return web.json_response(body)

    async def sketches(self, request: web.Request) -> web.Response:
        """Answer GET /sketches."""
        now = await self._source.snapshot()
        rows = list(await self._source.sketches())
        body = {"switch_id": now.switch_id, "count": len(rows), "sketches": rows}
        return web.json_response(body)

    async def summary(self, request: web.Request) -> web.Response:
        """Answer GET /summary."""
        now = await self._source.snapshot()
        return web.json_response(
            {
                "switch_id": now.switch_id,
                "endpoint_count": now.endpoints,
                "max_endpoints": now.endpoints_max,
                "memory_kb": now.rss_bytes // 1024,
                "total_flows": now.flows_processed,
            }
        )

    async def stats(self, request: web.Request) -> web.Response:
        """Answer GET /stats."""
        return web.json_response(dict(self._stats()))

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer GET /metrics in the form that Accept names."""
        accept = request.headers.get("Accept", "")
        if "text/plain" in accept or "openmetrics" in accept:
            return await self.prometheus(request)
        return web.json_response(metrics.as_json(await self._source.snapshot()))

    async def prometheus(self, request: web.Request) -> web.Response:
        """Answer GET /metrics/prometheus."""
        body = metrics.prometheus(await self._source.snapshot())
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def sync(self, request: web.Request) -> web.Response:
        """Answer POST /sync; 400 without a collector."""
        if not self._source.has_collector:
            raise Refused(400, "no collector: set backend_url")
        await self._source.sync()
        return web.json_response({"status": "ok"})


def status_of(now: Snapshot) -> dict[str, Any]:
    """Return everything there is to know, as JSON."""
    return {
        "switch_id": now.switch_id,
        "version": now.version,
        "status": now.state,
        "problems": list(now.problems),
        "timestamp": now.now_ns / 1e9,
        "uptime_seconds": round(now.uptime_seconds, 3),
        "loader": now.loader,
        "interfaces": interfaces_of(now),
        "qos": regulation_of(now.regulator),
        "flows": {
            "live": len(now.flows),
            "max": now.flows_max,
            "processed": now.flows_processed,
            "per_second": round(now.flows_per_second, 3),
            "closing_free": now.closing_free,
        },
        "endpoints": {
            "tracked": now.endpoints,
            "max": now.endpoints_max,
            "evictions": now.evictions,
        },
        "rss_bytes": now.rss_bytes,
        "walk_seconds": now.walk_seconds,
        "step_seconds": now.step_seconds,
        "spool": _spool_of(now.spool),
        "uplink": _uplink_of(now.uplink),
    }


def interfaces_of(now: Snapshot) -> list[dict[str, Any]]:
    """Return each interface with its counts by direction and class."""
    return [
        {
            "name": item.name,
            "ifindex": item.ifindex,
            "mac": item.mac,
            "mtu": item.mtu,
            "speed_bps": item.speed_bps,
            "addresses": list(item.addresses),
            "is_up": item.is_up,
            "mode": {"rx": item.rx_mode, "tx": item.tx_mode},
            "direction": directions(now, item),
            "classes": classes(now, item),
        }
        for item in now.interfaces
    ]


def _spool_of(spool: SpoolState) -> dict[str, Any]:
    return dataclasses.asdict(spool)


def _uplink_of(uplink: UplinkState) -> dict[str, Any]:
    told = dataclasses.asdict(uplink)
    del told["upload_buckets"]
    return {**told, "breakers": dict(uplink.breakers)}
