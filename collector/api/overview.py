"""How the collector is: health, metrics, the picture of each second, alerts."""

from __future__ import annotations

import builtins
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import psutil  # type: ignore[import-untyped]

from collector.api import conditions
from collector.api.live import LiveHub, by_type
from collector.api.metrics import Family, Snapshot
from collector.api.rates import Rates
from collector.records import NANOSECONDS, Alert

FLOWS_SHOWN: Final = 50
ALERTS_SHOWN: Final = 10
FLOW_SPAN_SECONDS: Final = 180
REFRESH_SECONDS: Final = 10.0
"""Flows come once a minute; asking the store each second would find the same ones."""


class Counts(Protocol):
    """What happened to uploads."""

    stored: int
    duplicate: int
    busy: int
    refused: dict[int, int]
    rows: dict[str, int]
    store_errors: int
    replayed: int
    sketches: int
    commit_groups: int


class Backlog(Protocol):
    """Uploads that are durable but not in the store."""

    bytes: int

    def __len__(self) -> int: ...


class Intake(Protocol):
    """The way of uploads into the store."""

    journal_bytes_max: int

    @property
    def backlog(self) -> Backlog:
        """Return what is on its way."""

    @property
    def counts(self) -> Counts:
        """Return the counters."""

    @property
    def failing(self) -> str:
        """Return what keeps uploads from disk or store, or nothing."""


class Relay(Protocol):
    """The way of uploads to another collector."""

    forwarded: int
    failed: int
    failing: str


class Flows(Protocol):
    """The data store's flows; blocks."""

    def flows(
        self,
        span: tuple[int, int],
        filters: Mapping[str, tuple[str, Any]],
        either: Mapping[str, Any],
        sort: str,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Return heavy flows."""


class Registry(Protocol):
    """The agents; blocks."""

    def list(self) -> list[dict[str, Any]]:
        """Return every agent's row."""

    def forget(self, now_ns: int) -> builtins.list[str]:
        """Drop agents that were silent for long; return their names."""


class Alerts(Protocol):
    """The alerts; blocks."""

    def open(self, alert: Alert, now: int) -> bool:
        """Open one unless there is one of this condition."""

    def close(self, subject: str, now: int) -> bool:
        """Note that the condition does not hold."""

    def list(self, unresolved: bool, limit: int) -> list[dict[str, Any]]:
        """Return alerts."""


class Ledger(Protocol):
    """The batch ledger."""

    def missing(self, agent: str, boot: bytes) -> int:
        """Return how many batches never came."""

    def forget(self, now_ns: int) -> None:
        """Drop boots that were silent for long."""


class Overview:
    """What the collector knows about itself, gathered from its parts."""

    def __init__(
        self,
        intake: Intake,
        flows: Flows,
        control: tuple[Registry, Alerts, Ledger],
        live: tuple[LiveHub, Rates],
        about: Mapping[str, Any],
        agent_timeout: float,
    ) -> None:
        """About holds version, backend_url and data_dir."""
        self.agent_timeout = agent_timeout
        self._intake = intake
        self._flows = flows
        self._registry, self._alerts, self._ledger = control
        self._hub, self._rates = live
        self._about = about
        self._process = psutil.Process()
        self._shown: tuple[float, list[dict[str, Any]], list[dict[str, Any]]] = (
            0.0,
            [],
            [],
        )
        self._open_alerts = 0
        self.is_ready = False
        self.waits_for = ""
        self.watching: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.relay: Relay | None = None

    def health(self) -> dict[str, Any]:
        """Return status, service, version, backend_url, and the reason when not ok."""
        status, reason = "ok", self.failing()
        if not self.is_ready:
            status, reason = "starting", self.waits_for
        elif reason:
            status = "failing"
        return {
            "status": status,
            "service": "weir-collector",
            "version": self._about["version"],
            "backend_url": self._about["backend_url"],
            **({"reason": reason} if reason else {}),
        }

    def failing(self) -> str:
        """Return what keeps uploads from where they are to go, or nothing."""
        return self._intake.failing or (self.relay.failing if self.relay else "")

    def measured(self) -> dict[str, Any]:
        """Return CPU, memory, disk and backlog."""
        disk = shutil.disk_usage(Path(self._about["data_dir"]))
        return {
            "cpu_percent": self._process.cpu_percent(),
            "rss_bytes": self._process.memory_info().rss,
            "threads": self._process.num_threads(),
            "disk_free_bytes": disk.free,
            "disk_total_bytes": disk.total,
            "backlog_bytes": self._intake.backlog.bytes,
            "backlog_batches": len(self._intake.backlog),
        }

    def counters(self) -> Snapshot:
        """Return every metric."""
        counts = self._intake.counts
        outcomes: dict[tuple[str, ...], float] = {
            ("stored",): counts.stored,
            ("duplicate",): counts.duplicate,
            ("busy",): counts.busy,
            ("refused",): sum(counts.refused.values()),
            ("replayed",): counts.replayed,
        }
        clients, dropped = self.watching()
        relay = self.relay
        forwarded, failed = (relay.forwarded, relay.failed) if relay else (0, 0)
        families = (
            Family("batches_total", "counter", "Uploads.", ("outcome",), outcomes),
            Family("refusals_total", "counter", "Refused uploads.", ("status",),
                   {(str(status),): count for status, count in counts.refused.items()}),
            Family("relayed_total", "counter", "Uploads handed on.", ("outcome",),
                   {("forwarded",): forwarded, ("failed",): failed}),
            Family("rows_total", "counter", "Rows stored by table.", ("table",),
                   {(table,): count for table, count in counts.rows.items()}),
            Family("sketches", "gauge", "Sketches in the store.", (),
                   {(): counts.sketches}),
            Family("backlog_bytes", "gauge", "Acknowledged, not yet in the store.", (),
                   {(): self._intake.backlog.bytes}),
            Family("backlog_batches", "gauge", "Acknowledged, not yet in the store.", (),
                   {(): len(self._intake.backlog)}),
            Family("commit_groups_total", "counter", "Writes to the journal.", (),
                   {(): counts.commit_groups}),
            Family("store_errors_total", "counter", "Inserts repeated.",
                   (), {(): counts.store_errors}),
            Family("rate_limited_total", "counter", "Requests refused.", (),
                   {(): self._rates.limited}),
            Family("live_samples_total", "counter", "Live samples taken.", (),
                   {(): self._hub.samples}),
            Family("live_clients", "gauge", "Browsers on /api/live.", (), {(): clients}),
            Family("live_dropped_total", "counter", "Browsers dropped as too slow.", (),
                   {(): dropped}),
            Family("open_alerts", "gauge", "Alerts not resolved.", (),
                   {(): self._open_alerts}),
            Family("resident_memory_bytes", "gauge", "Memory of the process.", (),
                   {(): self._process.memory_info().rss}),
            Family("cpu_seconds_total", "counter", "CPU time of the process.", (),
                   {(): sum(self._process.cpu_times()[:2])}),
        )  # fmt: skip
        figures = {
            "total_received": counts.stored + counts.duplicate + forwarded,
            "total_forwarded": forwarded,
            "pending": len(self._intake.backlog),
            "errors": sum(counts.refused.values()) + counts.store_errors + failed,
        }
        return Snapshot(families, figures)

    async def picture(
        self, run: Callable[..., Awaitable[Any]], now: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the contents of traffic-update and traffic-by-type."""
        if now - self._shown[0] >= REFRESH_SECONDS:
            self._shown = (now, *await run(self._look, now))
        _, flows, alerts = self._shown
        throughput = self._hub.throughput(now)
        kinds: dict[str, int] = {}
        for flow in flows:
            kinds[flow["class"]] = kinds.get(flow["class"], 0) + 1
        packets = sum(rate[way]["pps"] for rate in throughput for way in ("rx", "tx"))
        update = {
            "traffic_logs": [],
            "active_flows": flows,
            "alerts": alerts,
            "stats": {
                "total_flows": len(flows),
                "total_packets": round(packets),
                "active_alerts": self._open_alerts,
            },
        }
        return update, by_type(throughput, kinds)

    def _look(self, now: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Ask for the flows and alerts to show; blocks."""
        span = (round((now - FLOW_SPAN_SECONDS) * 1000), round((now + 60) * 1000))
        flows = self._flows.flows(span, {}, {}, "bytes", FLOWS_SHOWN)
        return flows, self._alerts.list(True, ALERTS_SHOWN)

    def keep_house(self, now: float) -> None:
        """Raise and resolve alerts, forget old boots; blocks."""
        for is_wrong, alert in self._checks(now):
            if is_wrong:
                self._alerts.open(alert, int(now))
            else:
                self._alerts.close(alert.subject, int(now))
        self._open_alerts = len(self._alerts.list(True, 1000))
        now_ns = int(now * NANOSECONDS)
        for name in self._registry.forget(now_ns):
            for kind in ("silent", "gaps", "clock"):
                self._alerts.close(f"agent/{name}/{kind}", int(now))
        self._ledger.forget(now_ns)
        self._hub.forget(now)

    def _checks(self, now: float) -> Iterator[tuple[bool, Alert]]:
        """Yield every check: whether something is wrong, and the alert about it."""
        disk = shutil.disk_usage(Path(self._about["data_dir"]))
        backlog = self._intake.backlog.bytes / self._intake.journal_bytes_max
        yield from conditions.of_collector(self.failing(), disk.free / disk.total, backlog)
        clocks = self._hub.clocks()
        for row in self._registry.list():
            name = row["agent"]
            live, skew = clocks.get(name, (0.0, (row["skew_ns"] or 0) / NANOSECONDS))
            silent = now - max(live, row["last_seen_ns"] / NANOSECONDS)
            yield from conditions.of_agent(
                name,
                silent if silent > self.agent_timeout else 0.0,
                self._ledger.missing(name, row["boot"]),
                skew,
            )
