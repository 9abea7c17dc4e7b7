"""The read API: totals, endpoints, flows, sketches, agents; URL in, JSON out."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from aiohttp import web

from collector.api import query
from collector.records import CLASS_NAMES, Parameter, Refused, Route

Span = tuple[int, int]

TIMES: Final = (
    Parameter("from", "string", "begin: unix seconds, ISO 8601, or -SECONDS from now"),
    Parameter("to", "string", "end, likewise; default now"),
)
LIMIT: Final = Parameter("limit", "integer", "at most so many rows")
AGENTS: Final = Parameter("agents", "string", "names with commas between; default all")
STEP: Final = Parameter("step", "integer", "seconds of one point")
TOTAL_FILTERS: Final = tuple(
    Parameter(name, "string", f"only this {name}")
    for name in ("agent", "interface", "direction", "class")
)


FLOW_FILTERS: Final = (
    Parameter("address", "string", "source or destination"),
    Parameter("port", "integer", "source or destination port"),
    Parameter("protocol", "integer", "IP protocol number"),
)


class Reader(Protocol):
    """The questions that the data store answers; each blocks."""

    def totals(
        self, span: Span, step_ms: int, group: str, filters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return series."""

    def conservation(self, span: Span, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return outcomes."""

    def endpoints(
        self, span: Span, agents: Sequence[str], sort: str, limit: int, endpoint: str = ""
    ) -> list[dict[str, Any]]:
        """Return endpoints."""

    def endpoint(self, span: Span, step_ms: int, name: str) -> dict[str, Any] | None:
        """Return one endpoint."""

    def flows(
        self,
        span: Span,
        filters: Mapping[str, tuple[str, Any]],
        either: Mapping[str, Any],
        sort: str,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Return flows."""

    def quantiles(
        self, span: Span, agents: Sequence[str], name: str
    ) -> dict[str, Any] | None:
        """Return quantiles."""

    def sketches(self, agent: str, limit: int) -> dict[str, Any]:
        """Return estimates."""

    def sketch_stats(self) -> dict[str, Any]:
        """Return counts."""

    def batches(
        self, span: Span, agents: Sequence[str], limit: int
    ) -> list[dict[str, Any]]:
        """Return accepted batches."""


Run = Callable[..., Awaitable[Any]]
"""Runs a blocking question on a reader thread."""


class Data:
    """Handlers over one reader."""

    def __init__(self, reader: Reader, run: Run, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._run = run
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this module."""
        groups = Parameter("group", "string", "class, interface, agent or direction")
        end_sorts = sort_of("bytes, bytes_in, bytes_out, packets, flows or last_seen")
        flow_sorts = sort_of("bytes, packets, last_seen or retransmits")
        agent, interface, direction, kind = TOTAL_FILTERS
        switch = Parameter("switch_id", "string", "only this agent")
        listing = (
            ("totals", "Frames, packets and bytes over time.", self.totals,
             (*TIMES, STEP, groups, *TOTAL_FILTERS)),
            ("conservation", "What became of everything seen.",
             self.conservation, (*TIMES, agent, interface, direction)),
            ("endpoints", "Endpoints, sketches merged over span and agents.",
             self.endpoints, (*TIMES, AGENTS, LIMIT, end_sorts)),
            ("endpoints/{endpoint_id}", "One endpoint: timeline and distributions.",
             self.endpoint, (*TIMES, STEP)),
            ("flows", "The heaviest flows of every interval, summed.",
             self.flows,
             (*TIMES, LIMIT, agent, interface, kind, *FLOW_FILTERS, flow_sorts)),
            ("quantiles/{name}", "A distribution, merged over the span and the agents.",
             self.quantiles, (*TIMES, AGENTS)),
            ("batches", "Accepted batches in order.", self.batches,
             (*TIMES, AGENTS, LIMIT)),
            ("edge/sketches", "The newest sketches' estimates.", self.sketches,
             (switch, LIMIT)),
            ("edge/sketches/stats", "Counts of sketches by agent.", self.sketch_stats, ()),
        )  # fmt: skip
        return tuple(
            Route(
                "GET", f"/api/{path}", "viewer", text, handler,
                "both" if path.startswith("edge/") else "console", parameters,
            )
            for path, text, handler, parameters in listing
        )  # fmt: skip

    def _span(self, request: web.Request) -> Span:
        return query.span(request.query, self._clock())

    async def totals(self, request: web.Request) -> web.Response:
        """Answer GET /api/totals."""
        values, span = request.query, self._span(request)
        step = query.step_ms(values, span)
        group = query.choice(
            values, "group", "class", ("class", "interface", "agent", "direction", "")
        )
        answer = await self._run(self._reader.totals, span, step, group, filters(values))
        return reply(span, {"step": step // 1000, "group": group, **answer})

    async def conservation(self, request: web.Request) -> web.Response:
        """Answer GET /api/conservation."""
        span = self._span(request)
        chosen = {
            name: value for name, value in filters(request.query).items() if name != "class"
        }
        rows = await self._run(self._reader.conservation, span, chosen)
        return reply(span, {"interfaces": rows})

    async def endpoints(self, request: web.Request) -> web.Response:
        """Answer GET /api/endpoints."""
        values, span = request.query, self._span(request)
        sort = query.choice(
            values,
            "sort",
            "bytes",
            ("bytes", "bytes_in", "bytes_out", "packets", "flows", "last_seen"),
        )
        limit = query.whole(values, "limit", 100, 1, 1000)
        agents = query.names(values, "agents")
        rows = await self._run(self._reader.endpoints, span, agents, sort, limit)
        return reply(span, {"count": len(rows), "endpoints": rows})

    async def endpoint(self, request: web.Request) -> web.Response:
        """Answer GET /api/endpoints/{endpoint_id}."""
        span = self._span(request)
        step = query.step_ms(request.query, span)
        name = request.match_info["endpoint_id"]
        found = await self._run(self._reader.endpoint, span, step, name)
        if found is None:
            raise Refused(404, f"no endpoint {name[:100]} in this span")
        return reply(span, {"step": step // 1000, "endpoint": found})

    async def flows(self, request: web.Request) -> web.Response:
        """Answer GET /api/flows."""
        values, span = request.query, self._span(request)
        sort = query.choice(
            values, "sort", "bytes", ("bytes", "packets", "last_seen", "retransmits")
        )
        limit = query.whole(values, "limit", 100, 1, 10_000)
        chosen: dict[str, tuple[str, Any]] = {
            name: ("String", value)
            for name, value in filters(values).items()
            if name != "direction"
        }
        if "protocol" in values:
            chosen["protocol"] = ("UInt8", query.whole(values, "protocol", 0, 0, 255))
        either: dict[str, Any] = {"address": address(values.get("address", ""))}
        if "port" in values:
            either["port"] = query.whole(values, "port", 0, 0, 65535)
        rows = await self._run(self._reader.flows, span, chosen, either, sort, limit)
        return reply(span, {"count": len(rows), "flows": rows})

    async def quantiles(self, request: web.Request) -> web.Response:
        """Answer GET /api/quantiles/{name}."""
        span, name = self._span(request), request.match_info["name"]
        agents = query.names(request.query, "agents")
        found = await self._run(self._reader.quantiles, span, agents, name)
        if found is None:
            raise Refused(404, f"no distribution {name[:100]} in this span")
        return reply(span, {"name": name, **found})

    async def batches(self, request: web.Request) -> web.Response:
        """Answer GET /api/batches."""
        span = self._span(request)
        limit = query.whole(request.query, "limit", 100, 1, 100_000)
        agents = query.names(request.query, "agents")
        rows = await self._run(self._reader.batches, span, agents, limit)
        return reply(span, {"count": len(rows), "batches": rows})

    async def sketches(self, request: web.Request) -> web.Response:
        """Answer GET /api/edge/sketches."""
        limit = query.whole(request.query, "limit", 100, 1, 10_000)
        agent = request.query.get("switch_id", "")
        return web.json_response(await self._run(self._reader.sketches, agent, limit))

    async def sketch_stats(self, request: web.Request) -> web.Response:
        """Answer GET /api/edge/sketches/stats."""
        return web.json_response(await self._run(self._reader.sketch_stats))


def sort_of(words: str) -> Parameter:
    """Return the parameter that orders a list."""
    return Parameter("sort", "string", words)


def filters(values: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of a totals request. Raises Refused."""
    query.choice(values, "direction", "", ("", "rx", "tx"))
    query.choice(values, "class", "", ("", *CLASS_NAMES))
    return {
        name: values.get(name, "") for name in ("agent", "interface", "direction", "class")
    }


def address(text: str) -> str:
    """Return an address as the store keeps it: IPv4 mapped into IPv6. Raises Refused."""
    if not text:
        return ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise Refused(400, f"address: {text[:60]!r} is not an IP address") from None
    return f"::ffff:{found}" if found.version == 4 else str(found)


def reply(span: Span, answer: Mapping[str, Any]) -> web.Response:
    """Return an answer with the span that it is about, in unix seconds."""
    return web.json_response({"from": span[0] / 1000, "to": span[1] / 1000, **answer})
