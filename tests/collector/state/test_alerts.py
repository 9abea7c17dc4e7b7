"""Alerts: one open a subject, resolved once, the oldest forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.records import StateError
from collector.state import alerts
from collector.state.control import Control


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    one = Control(tmp_path)
    yield one
    one.close()


def test_a_subject_has_one_open_alert(control: Control):
    kept = control.alerts
    assert kept.list(unresolved=True, limit=5) == []
    assert kept.open("disk", "critical", "Full", "1 % free", 100) is True
    assert kept.open("disk", "warning", "Fuller", "0 % free", 101) is False
    (row,) = kept.list(unresolved=True, limit=5)
    assert (row["title"], row["resolved"], row["created_at"]) == ("Full", False, 100)
    assert kept.close("disk", 105) is True
    assert kept.close("disk", 106) is False
    assert kept.open("disk", "critical", "Full", "again", 110) is True
    assert [row["resolved_at"] for row in kept.list(unresolved=False, limit=5)] == [0, 105]


def test_a_person_resolves_by_number_once(control: Control):
    control.alerts.open("a", "info", "A", "", 1)
    control.alerts.open("b", "info", "B", "", 2)
    newest, oldest = control.alerts.list(unresolved=True, limit=5)
    assert control.alerts.resolve(oldest["id"], 3) is True
    assert control.alerts.resolve(oldest["id"], 4) is False
    assert control.alerts.resolve(99, 4) is False
    assert control.alerts.list(unresolved=True, limit=5) == [newest]
    assert len(control.alerts.list(unresolved=False, limit=1)) == 1


def test_a_severity_that_is_none_is_refused(control: Control):
    with pytest.raises(StateError):
        control.alerts.open("a", "fatal", "A", "", 1)


def test_only_resolved_alerts_are_forgotten(
    control: Control, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(alerts, "KEPT_MAX", 3)
    control.alerts.open("stays open", "info", "", "", 0)
    for number in range(6):
        control.alerts.open(f"s{number}", "info", "", "", number)
        control.alerts.close(f"s{number}", number)
    found = [row["subject"] for row in control.alerts.list(unresolved=False, limit=50)]
    assert set(found) == {"stays open", "s3", "s4", "s5"}
