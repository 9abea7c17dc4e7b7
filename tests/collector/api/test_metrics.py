"""Metrics in both forms."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector.api.metrics import Family, Snapshot, prometheus
from tests.collector.support import Server


def test_metrics_in_both_forms(shared: Server):
    plain = shared.get("/metrics", {"Accept": "text/plain;version=0.0.4"})
    assert plain.headers["Content-Type"].startswith("text/plain")
    families = {
        one.name: one for one in text_string_to_metric_families(plain.data.decode())
    }
    outcomes = {s.labels["outcome"] for s in families["weir_collector_batches"].samples}
    assert {"stored", "duplicate", "refused", "busy"} <= outcomes
    assert all(re.fullmatch(r"weir_collector_[a-z_]+", name) for name in families)
    figures = shared.get("/metrics").json
    assert {"total_received", "total_forwarded", "pending", "errors"} <= set(figures)
    detail = shared.get("/health/detailed").json
    assert detail["rss_bytes"] > 1e6
    assert {"status", "service", "version", "backend_url", "cpu_percent"} <= set(detail)


SNAPSHOT = Snapshot(
    (
        Family("batches_total", "counter", "Uploads.", ("outcome",), {("stored",): 3}),
        Family("backlog_bytes", "gauge", "Waiting.", (), {(): 0}),
        Family("rows_total", "counter", 'With "quotes" \\ and\nlines.', ("table",), {}),
    ),
    {"pending": 1},
)


def test_text_is_what_prometheus_reads():
    found = {
        one.name: one
        for one in text_string_to_metric_families(prometheus(SNAPSHOT).decode())
    }
    (sample,) = found["weir_collector_batches"].samples
    assert (sample.name, sample.labels, sample.value) == (
        "weir_collector_batches_total", {"outcome": "stored"}, 3.0,
    )  # fmt: skip
    assert found["weir_collector_backlog_bytes"].samples[0].value == 0
    assert found["weir_collector_rows"].samples == []
    assert prometheus(Snapshot(())) == b""


def test_json_names_every_metric_and_the_figures():
    assert SNAPSHOT.as_json() == {
        "pending": 1,
        "metrics": {
            "weir_collector_batches_total": [{"outcome": "stored", "value": 3}],
            "weir_collector_backlog_bytes": [{"value": 0}],
            "weir_collector_rows_total": [],
        },
    }


def test_labels_and_values_must_agree():
    wrong = Family("x", "gauge", "", ("a", "b"), {("only one",): 1})
    with pytest.raises(ValueError, match="zip"):
        Snapshot((wrong,)).as_json()
