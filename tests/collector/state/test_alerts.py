"""Alerts: one open a subject, resolved once, the oldest forgotten."""

from __future__ import annotations

import pytest

from collector.records import Alert, StateError
from collector.state import alerts
from collector.state.control import Control


def test_a_subject_has_one_open_alert(control: Control):
    kept = control.alerts
    assert kept.list(unresolved=True, limit=5) == []
    assert kept.open(Alert("disk", "critical", "Full", "1 % free"), 100) is True
    assert kept.open(Alert("disk", "warning", "Fuller", "0 % free"), 101) is False
    (row,) = kept.list(unresolved=True, limit=5)
    assert (row["title"], row["resolved"], row["created_at"]) == ("Full", False, 100)
    assert kept.close("disk", 105) is True
    assert kept.close("disk", 106) is False
    assert kept.open(Alert("disk", "critical", "Full", "again"), 110) is True
    assert [row["resolved_at"] for row in kept.list(unresolved=False, limit=5)] == [0, 105]


def test_a_person_resolves_by_number_once(control: Control):
    control.alerts.open(Alert("a", "info", "A", ""), 1)
    control.alerts.open(Alert("b", "info", "B", ""), 2)
    newest, oldest = control.alerts.list(unresolved=True, limit=5)
    assert control.alerts.resolve(oldest["id"], 3) is True
    assert control.alerts.resolve(oldest["id"], 4) is False
    assert control.alerts.resolve(99, 4) is False
    assert control.alerts.list(unresolved=True, limit=5) == [newest]
    assert len(control.alerts.list(unresolved=False, limit=1)) == 1


def test_what_a_person_has_resolved_stays_quiet_until_it_has_ended_once(control: Control):
    kept, silent = control.alerts, Alert("agent/e/silent", "warning", "Silent", "200 s")

    def shown() -> list[tuple[bool, int]]:
        rows = kept.list(unresolved=False, limit=9)
        return [(row["resolved"], row["resolved_at"]) for row in rows]

    assert kept.open(silent, 100) is True
    (row,) = kept.list(unresolved=True, limit=5)
    assert kept.resolve(row["id"], 110) is True
    for now in (130, 160, 190):
        assert kept.open(silent, now) is False
    assert shown() == [(True, 110)]
    assert kept.close(silent.subject, 200) is True
    assert shown() == [(True, 110)], "the person was first"
    assert kept.open(silent, 300) is True
    assert shown() == [(False, 0), (True, 110)]
    assert kept.close(silent.subject, 330) is True
    assert shown() == [(True, 330), (True, 110)]


def test_more_of_it_is_news_also_to_who_has_resolved_it(control: Control):
    kept = control.alerts

    def gaps(missing: int, now: int) -> list[str]:
        kept.open(Alert("gaps", "warning", "Lost", f"{missing} lost", missing), now)
        return [row["message"] for row in kept.list(unresolved=True, limit=9)]

    assert gaps(3, 1) == ["3 lost"]
    assert gaps(4, 2) == gaps(2, 3) == ["4 lost"], "the worst of it, in the open alert"
    assert kept.resolve(kept.list(unresolved=True, limit=1)[0]["id"], 4)
    assert gaps(4, 5) == gaps(1, 6) == []
    assert gaps(5, 7) == ["5 lost"]
    assert len(kept.list(unresolved=False, limit=9)) == 2


def test_a_severity_that_is_none_is_refused(control: Control):
    with pytest.raises(StateError):
        control.alerts.open(Alert("a", "fatal", "A", ""), 1)


def test_only_resolved_alerts_are_forgotten(
    control: Control, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(alerts, "KEPT_MAX", 3)
    control.alerts.open(Alert("stays open", "info", "", ""), 0)
    control.alerts.open(Alert("resolved, lasts", "info", "", ""), 0)
    control.alerts.resolve(2, 0)
    for number in range(6):
        control.alerts.open(Alert(f"s{number}", "info", "", ""), number)
        control.alerts.close(f"s{number}", number)
    found = [row["subject"] for row in control.alerts.list(unresolved=False, limit=50)]
    assert set(found) == {"stays open", "resolved, lasts", "s3", "s4", "s5"}
