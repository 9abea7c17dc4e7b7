"""The collector's metrics, as JSON and as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: name without prefix, kind, meaning, label names and values by labels."""

    name: str
    kind: str  # counter | gauge
    text: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every metric at one moment, and the figures that the JSON form names."""

    families: tuple[Family, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form: the named figures, then every metric by its name."""
        return {
            **self.figures,
            "metrics": {
                f"weir_collector_{family.name}": [
                    {**dict(zip(family.labels, labels, strict=True)), "value": value}
                    for labels, value in family.values.items()
                ]
                for family in self.families
            },
        }


class Source:
    """A collector in prometheus-client's sense: yields the families of one snapshot."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield prometheus-client's own objects."""
        for family in self._families:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            name = f"weir_collector_{family.name}".removesuffix("_total")
            metric = kind(name, family.text, labels=family.labels)
            for labels, value in family.values.items():
                metric.add_metric(labels, value)
            yield metric


def prometheus(snapshot: Snapshot) -> bytes:
    """Return the text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Source(snapshot.families))
    return generate_latest(registry)
