"""Metrics of one snapshot: Prometheus text, and the JSON that older dashboards read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from agent.records import CLASS_NAMES, HOOKS, UNITS
from agent.reports import SECONDS_BUCKETS
from agent.status.regulation import families
from agent.status.snapshot import Snapshot

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
BREAKER_STATES: Final = ("closed", "open", "half-open")

# Label value, field of records.Counters: together they make up what was seen.
_OUTCOMES: Final = (
    ("flow", "flows"),
    ("overflow", "overflow"),
    ("non_ip", "non_ip"),
    ("unparsed", "unparsed"),
    ("filtered", "filtered"),
)
_WHERE: Final = ("interface", "direction")


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the flat figures that older dashboards read."""
    uplink = snapshot.uplink
    since = (snapshot.now_ns - uplink.last_success_ns) / 1e9
    return {
        "switch_id": snapshot.switch_id,
        "uptime_seconds": round(snapshot.uptime_seconds, 3),
        "flows_processed": snapshot.flows_processed,
        "flows_per_second": round(snapshot.flows_per_second, 3),
        "endpoints_tracked": snapshot.endpoints,
        "memory_kb": snapshot.rss_bytes // 1024,
        "last_sync_seconds_ago": round(since, 3) if uplink.last_success_ns else None,
        "sketches_sent": uplink.sketches_sent,
        "batches_sent": uplink.batches_sent,
        "errors": uplink.errors,
        "connected": uplink.connected,
    }


def prometheus(snapshot: Snapshot) -> bytes:
    """Return the text that a Prometheus server scrapes."""
    registry = CollectorRegistry()
    registry.register(_Families(snapshot))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from _traffic(self._snapshot)
        yield from _classes(self._snapshot)
        yield from _agent(self._snapshot)
        yield from _spool(self._snapshot)
        yield from _uplink(self._snapshot)
        yield from _plugins(self._snapshot)
        yield from families(self._snapshot.regulator, self._snapshot.now_ns / 1e9)


def _traffic(snapshot: Snapshot) -> Iterator[Metric]:
    for number, unit in enumerate(UNITS):
        counted = CounterMetricFamily(
            f"weir_agent_{unit}",
            f"What became of the {unit} that the hooks saw.",
            labels=(*_WHERE, "outcome"),
        )
        seen = CounterMetricFamily(
            f"weir_agent_seen_{unit}",
            f"{unit.capitalize()} that reached the hooks: the sum of all outcomes.",
            labels=_WHERE,
        )
        own = CounterMetricFamily(
            f"weir_agent_interface_{unit}",
            f"{unit.capitalize()} by the interface's own counters.",
            labels=_WHERE,
        )
        for item in snapshot.interfaces:
            for row, hook in enumerate(HOOKS):
                at = (item.slot, row, number)
                seen.add_metric((item.name, hook), int(snapshot.counters.seen[at]))
                for outcome, name in _OUTCOMES:
                    value = int(getattr(snapshot.counters, name)[at])
                    counted.add_metric((item.name, hook, outcome), value)
                if item.name in snapshot.kernel:
                    value = int(snapshot.kernel[item.name][row, number])
                    own.add_metric((item.name, hook), value)
        yield from (counted, seen, own)


def _classes(snapshot: Snapshot) -> Iterator[Metric]:
    for number, unit in ((1, "packets"), (2, "bytes")):
        family = CounterMetricFamily(
            f"weir_agent_class_{unit}", f"{unit.capitalize()} by traffic class.",
            labels=(*_WHERE, "class"),
        )  # fmt: skip
        for item in snapshot.interfaces:
            table = snapshot.counters.by_class[item.slot, :, :, number]
            for row, hook in enumerate(HOOKS):
                for column, name in enumerate(CLASS_NAMES):
                    family.add_metric((item.name, hook, name), int(table[row, column]))
        yield family


def _agent(snapshot: Snapshot) -> Iterator[Metric]:
    labels = {"version": snapshot.version, "switch_id": snapshot.switch_id}
    yield InfoMetricFamily(
        "weir_agent_build", "Who this is.", {**labels, "loader": snapshot.loader}
    )
    start = snapshot.now_ns / 1e9 - snapshot.uptime_seconds
    yield from _gauges(
        ("start_time_seconds", "Unix time at which the agent started.", start),
        ("ready", "1 when programs are attached and counting.", snapshot.ready),
        ("problems", "Things that are degraded.", len(snapshot.problems)),
        ("flows", "Flows in the kernel map.", len(snapshot.flows)),
        ("flows_max", "Flows that the kernel map holds.", snapshot.flows_max),
        (
            "closing_free",
            "Flows that can end before the next batch.",
            snapshot.closing_free,
        ),
        ("endpoints", "Endpoints with sketches.", snapshot.endpoints),
        ("endpoints_max", "Endpoints that can have sketches.", snapshot.endpoints_max),
        ("resident_memory_bytes", "Memory in use.", snapshot.rss_bytes),
        ("walk_seconds", "Duration of the last walk.", snapshot.walk_seconds),
        ("step_seconds", "Duration of the last tick.", snapshot.step_seconds),
    )
    yield from _counters(
        ("flows_processed", "Flows that began.", snapshot.flows_processed),
        ("evictions", "Endpoints that lost their sketches.", snapshot.evictions),
    )
    modes = GaugeMetricFamily(
        "weir_agent_hook", "1 for the hook in use.", labels=(*_WHERE, "mode")
    )
    up = GaugeMetricFamily("weir_agent_interface_up", "1 when up.", labels=("interface",))
    for item in snapshot.interfaces:
        modes.add_metric((item.name, "rx", item.rx_mode), 1)
        modes.add_metric((item.name, "tx", item.tx_mode), 1)
        up.add_metric((item.name,), item.is_up)
    yield from (modes, up)


def _spool(snapshot: Snapshot) -> Iterator[Metric]:
    spool = snapshot.spool
    age = (snapshot.now_ns - spool.oldest_ns) / 1e9 if spool.oldest_ns else 0.0
    yield from _gauges(
        ("spool_batches", "Batches that wait on disk.", spool.batches),
        ("spool_endpoints", "Endpoint sketches in them.", spool.endpoints),
        ("spool_bytes", "Bytes that wait on disk.", spool.bytes),
        ("spool_disk_bytes", "Bytes of all files of the spool.", spool.disk_bytes),
        ("spool_oldest_age_seconds", "Age of the oldest batch that waits.", age),
    )
    family = CounterMetricFamily(
        "weir_agent_spool_outcomes", "Batches by what the spool did.", labels=("outcome",)
    )
    for outcome in ("appended", "dropped", "refused", "quarantined"):
        family.add_metric((outcome,), getattr(spool, f"{outcome}_batches"))
    yield family
    yield from _counters(
        ("spool_dropped_endpoints", "Endpoint sketches dropped.", spool.dropped_endpoints),
        ("spool_dropped_bytes", "Bytes dropped: too old, or full.", spool.dropped_bytes),
        ("spool_damaged_bytes", "Bytes that could not be read.", spool.damaged_bytes),
    )


def _uplink(snapshot: Snapshot) -> Iterator[Metric]:
    uplink = snapshot.uplink
    yield from _gauges(
        ("connected", "1 when the last exchange went well.", uplink.connected),
        (
            "last_success_time_seconds",
            "Unix time of the last good exchange, 0: none.",
            uplink.last_success_ns / 1e9,
        ),
    )
    yield from _counters(
        ("upload_batches", "Batches that a collector committed.", uplink.batches_sent),
        ("upload_sketches", "Endpoint sketches in them.", uplink.sketches_sent),
        ("upload_bytes", "Bytes of their bodies.", uplink.bytes_sent),
        ("upload_duplicates", "Batches the collector had already.", uplink.duplicates),
        ("upload_set_aside", "Batches that no collector takes.", uplink.set_aside),
    )
    errors = CounterMetricFamily(
        "weir_agent_upload_errors", "Failed exchanges by kind.", labels=("kind",)
    )
    for kind, count in sorted(uplink.errors_by_kind.items()):
        errors.add_metric((kind,), count)
    yield errors
    breakers = GaugeMetricFamily(
        "weir_agent_breaker", "1 for the state it is in.", labels=("collector", "state")
    )
    for url, state in uplink.breakers:
        for name in BREAKER_STATES:
            breakers.add_metric((url, name), name == state)
    yield breakers
    yield _histogram(snapshot)


def _plugins(snapshot: Snapshot) -> Iterator[Metric]:
    walks = CounterMetricFamily(
        "weir_agent_plugin_walks",
        "Walks of the flows that a plug-in heard, or missed while it was busy.",
        labels=("plugin", "outcome"),
    )
    failures = CounterMetricFamily(
        "weir_agent_plugin_failures", "How often a plug-in raised.", labels=("plugin",)
    )
    dropped = GaugeMetricFamily(
        "weir_agent_plugin_dropped",
        "1 for a plug-in that is left alone until a restart.",
        labels=("plugin",),
    )
    for one in snapshot.plugins:
        walks.add_metric((one.name, "heard"), one.walks)
        walks.add_metric((one.name, "skipped"), one.skipped)
        failures.add_metric((one.name,), one.failures)
        dropped.add_metric((one.name,), one.is_dropped)
    yield from (walks, failures, dropped)


def _histogram(snapshot: Snapshot) -> Metric:
    uplink = snapshot.uplink
    total, buckets = 0, []
    edges = [*map(str, SECONDS_BUCKETS), "+Inf"]
    for edge, count in zip(edges, uplink.upload_buckets, strict=True):
        total += count
        buckets.append((edge, float(total)))
    return HistogramMetricFamily(
        "weir_agent_upload_seconds",
        "Time from the first byte of a batch to its receipt.",
        buckets=buckets,
        sum_value=uplink.upload_seconds,
    )


def _gauges(*rows: tuple[str, str, float]) -> Iterable[Metric]:
    for name, text, value in rows:
        yield GaugeMetricFamily("weir_agent_" + name, text, value)


def _counters(*rows: tuple[str, str, float]) -> Iterable[Metric]:
    for name, text, value in rows:
        yield CounterMetricFamily("weir_agent_" + name, text, value)
