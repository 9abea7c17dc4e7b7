"""docs/metrics.md: every metric that both daemons export, read from what they print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from agent.records import Interface
from agent.reports import (
    ClassShare,
    LaneState,
    PluginState,
    RegulatorState,
    UplinkState,
)
from agent.status import metrics as agent_metrics
from agent.status.snapshot import Snapshot
from collector.api import metrics as collector_metrics
from reference.instance import collector
from reference.text import NOTE, cell, code, sentence, table

HEAD: Final = f"""{NOTE}

# Metrics

Both daemons print Prometheus text at `/metrics/prometheus`, and at `/metrics` when
`Accept` asks for `text/plain`; otherwise `/metrics` is JSON. The agent's listener is
its socket, and TCP where `api_host` is set; the collector's are both of its ports.

Counters of the agent are cumulative since its maps were made, so a restart of the agent
does not reset them; `weir-agent detach` does. For every interface and direction the
outcomes of `weir_agent_packets_total` add up to `weir_agent_seen_packets_total`, and
likewise frames and bytes.
"""
OUTCOMES: Final = """
`outcome` of the traffic counters: `flow`, `overflow` (the flow map was full: counted,
not told apart), `non_ip`, `unparsed` (cut or malformed), `filtered` (kept out by your
own filter). `direction`: `rx` or `tx`. `class`: `unknown`, `voice`, `video`,
`interactive`, `web`, `file`, `background`.
"""
_LINK: Final = Interface(
    "wan", 2, 0, "02:00:00:00:00:01", 1500, 0, (), is_up=True, rx_mode="tcx", tx_mode="tcx"
)
_LANE: Final = LaneState(
    "wan", "egress", 1, "settings", 1, refused={"stale": 1},
    shares={"voice": ClassShare(1, 1, 1)},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as a server scrapes it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def agent() -> list[Row]:
    """Return the agent's metrics, of a snapshot with something in every place."""
    snapshot = Snapshot(
        switch_id="edge",
        version="0",
        now_ns=1,
        uptime_seconds=1.0,
        interfaces=(_LINK,),
        kernel={"wan": np.zeros((2, 3), np.uint64)},
        uplink=UplinkState(
            breakers=(("http://collector", "closed"),), errors_by_kind={"busy": 1}
        ),
        regulator=RegulatorState(lanes=(_LANE,)),
        plugins=(PluginState("module:Class"),),
    )
    return list(_rows(agent_metrics.prometheus(snapshot).decode()))


def of_collector() -> list[Row]:
    """Return the collector's metrics, of a process that has refused an upload."""
    with collector() as assembly:
        counts = assembly.intake.counts
        counts.refuse(400)
        counts.rows["totals"] = 1
        snapshot = assembly.overview.counters()
    return list(_rows(collector_metrics.prometheus(snapshot).decode()))


def _rows(text: str) -> Iterator[Row]:
    for family in text_string_to_metric_families(text):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        if family.name.endswith("_created"):
            continue
        labels = {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        yield Row(
            family.name + suffix, family.type, tuple(sorted(labels)), family.documentation
        )


def page() -> str:
    """Return the page."""
    return "\n".join(
        (
            HEAD,
            f"## weir-agent\n\n{_table(agent())}{OUTCOMES}",
            f"## weir-collector\n\n{_table(of_collector())}",
        )
    )


def _table(rows: list[Row]) -> str:
    cells = [
        (
            code(row.name),
            row.kind,
            ", ".join(map(code, row.labels)),
            sentence(cell(row.text)),
        )
        for row in rows
    ]
    return table(("metric", "kind", "labels", "meaning"), cells)
