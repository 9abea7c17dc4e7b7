"""Alerts come when something is wrong and go when it is not; health tells the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from collector.api.live import LiveHub
from collector.api.overview import Overview
from collector.api.rates import Rates
from collector.records import BatchId, Counts, Sighting
from collector.state.control import Control

NOW = 1_795_000_000


@dataclass
class Backlog:
    bytes: int = 0

    def __len__(self) -> int:
        return 0


@dataclass
class Intake:
    """The figures that the overview reads of an intake."""

    journal_bytes_max: int = 100
    failing: str = ""
    backlog: Backlog = field(default_factory=Backlog)
    counts: Counts = field(default_factory=Counts)


class NoFlows:
    def flows(self, *_: object) -> list[dict[str, object]]:
        return []


def overview(folder: Path, intake: Intake, control: Control) -> Overview:
    about = {"version": "1", "backend_url": "", "data_dir": str(folder)}
    parts = (control.registry, control.alerts, control.ledger)
    return Overview(intake, NoFlows(), parts, (LiveHub(), Rates(1)), about, 180.0)


def seen(at: int, sequence: int, skew_s: int = 0) -> Sighting:
    ns = at * 10**9
    return Sighting(
        "edge", ns, ns, ns + skew_s * 10**9, "1", "host", bytes(16), sequence, (), {}, 10
    )


def test_alerts_follow_what_is_so(tmp_path: Path):
    control, intake = Control(tmp_path), Intake()
    view = overview(tmp_path, intake, control)

    def subjects(now: int) -> set[str]:
        view.keep_house(now)
        return {row["subject"] for row in control.alerts.list(True, 100)} - {"disk"}

    control.registry.record([seen(NOW, 1)])
    control.ledger.add(BatchId("edge", bytes(16), 1))
    assert subjects(NOW) == set()
    assert subjects(NOW + 200) == {"agent/edge/silent"}
    assert subjects(NOW + 201) == {"agent/edge/silent"}
    everything = [row["subject"] for row in control.alerts.list(False, 100)]
    assert everything.count("agent/edge/silent") == 1
    control.registry.record([seen(NOW + 300, 3, skew_s=9)])
    control.ledger.add(BatchId("edge", bytes(16), 3))
    assert subjects(NOW + 300) == {"agent/edge/gaps", "agent/edge/clock"}
    control.registry.record([seen(NOW + 360, 4)])
    control.ledger.add(BatchId("edge", bytes(16), 2))
    intake.failing, intake.backlog.bytes = "no disk", 60
    assert subjects(NOW + 360) == {"store", "backlog"}
    number = control.alerts.list(True, 10)[0]["id"]
    assert control.alerts.resolve(number, NOW) is True
    assert control.alerts.resolve(number, NOW) is False
    control.close()


def test_what_a_person_has_resolved_is_not_opened_again_while_it_goes_on(tmp_path: Path):
    control = Control(tmp_path)
    view = overview(tmp_path, Intake(), control)

    def open_ones(now: int) -> list[int]:
        view.keep_house(now)
        rows = control.alerts.list(True, 100)
        return [row["id"] for row in rows if row["subject"] == "agent/edge/silent"]

    control.registry.record([seen(NOW, 1)])
    (number,) = open_ones(NOW + 200)
    control.alerts.resolve(number, NOW + 210)
    assert open_ones(NOW + 230) == open_ones(NOW + 260) == []
    control.registry.record([seen(NOW + 300, 2)])
    assert open_ones(NOW + 300) == []
    assert len(open_ones(NOW + 500)) == 1
    control.close()


def test_an_agent_that_is_forgotten_takes_its_alerts_along(tmp_path: Path):
    control = Control(tmp_path)
    view = overview(tmp_path, Intake(), control)
    control.registry.record([seen(NOW, 1)])
    view.keep_house(NOW + 1000)
    assert "agent/edge/silent" in {row["subject"] for row in control.alerts.list(True, 9)}
    view.keep_house(NOW + 91 * 86_400)
    assert control.registry.list() == []
    found = {row["subject"] for row in control.alerts.list(True, 9)} - {"disk"}
    assert found == set()
    control.close()


def test_health_is_what_it_says(tmp_path: Path):
    control, intake = Control(tmp_path), Intake()
    view = overview(tmp_path, intake, control)
    assert view.health()["status"] == "starting"
    view.is_ready = True
    assert view.health()["status"] == "ok"
    intake.failing = "the store fails: x"
    assert view.health()["status"] == "failing"
    assert view.health()["reason"] == "the store fails: x"
    control.close()
