"""The dashboard and the alert rules ask for what is exported, by labels it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reference import metrics

ROOT = Path(__file__).parents[2] / "packaging" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "dashboard.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ROWS = (*metrics.agent(), *metrics.of_collector())
EXPORTED = {row.name: set(row.labels) for row in ROWS}
SCRAPED = {"instance", "job"}  # what Prometheus adds to everything
FUNCTIONS = {"sum", "rate", "increase", "by"}
NAME = re.compile(r"\b(?:weir_\w+|up)\b")
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")


def queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    variable = DASHBOARD["templating"]["list"][1]["query"]["query"]
    yield "instance", re.sub(r"label_values\((\w+), instance\)", r"\1", variable)


@pytest.mark.parametrize(("place", "query"), list(queries()))
def test_a_query_names_what_is_exported(place: str, query: str):
    names = set(NAME.findall(query))
    assert names, place
    assert names - {"up"} <= set(EXPORTED)
    for name, inside in SELECTOR.findall(query):
        labels = set(re.findall(r"(\w+)(?:=|=~|!=)\"", inside))
        assert labels <= EXPORTED.get(name, set()) | SCRAPED, name
    known = set().union(*(EXPORTED[name] for name in names - {"up"})) | SCRAPED
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert set(grouped.split(", ")) <= known
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)", "", query)
    assert set(re.findall(r"[a-z_]+(?= *\()", bare)) <= FUNCTIONS
    assert bare.count("(") == bare.count(")")


def test_a_counter_is_shown_as_a_rate_and_a_gauge_as_it_is():
    kinds = {row.name: row.kind for row in ROWS}
    for place, query in queries():
        for name in set(NAME.findall(query)) - {"up"}:
            inside = re.search(rf"(?:rate|increase)\({name}\b", query) is not None
            assert inside == (kinds[name] == "counter"), place


def test_a_legend_names_labels_that_are_left():
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            grouped = re.search(r"by \(([^)]*)\)", query)
            if grouped:
                left = set(grouped[1].split(", "))
            elif query.startswith("sum("):
                left = set()
            else:
                names = NAME.findall(query)
                left = set.union(*(EXPORTED[name] for name in names)) | SCRAPED
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= left


def test_values_of_outcomes_are_values_that_are_exported():
    page = "\n".join(query for _, query in queries())
    asked = set(re.findall(r'outcome="(\w+)"', page))
    sources = [
        path.read_text("utf-8")
        for path in (ROOT.parents[1] / "agent/status/metrics.py",
                     ROOT.parents[1] / "collector/api/overview.py")
    ]  # fmt: skip
    assert asked
    assert all(any(f'"{name}"' in text for text in sources) for name in asked)


def test_every_rule_says_what_and_what_to_do():
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) >= 10
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "remedy"}
        assert "{{ $labels.instance }}" in rule["annotations"]["summary"]


def test_panels_have_names_units_and_places_of_their_own():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 10
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${source}"
