"""Alerts: one for each time a condition holds, put away by its end or by a person."""

from __future__ import annotations

from typing import Any, Final

from collector.records import Alert
from collector.state.database import Database

COLUMNS: Final = (
    "id", "severity", "title", "message", "related_flow_id", "subject", "resolved",
    "created_at", "resolved_at",
)  # fmt: skip
KEPT_MAX: Final = 10_000
"""Resolved alerts beyond this go, oldest first."""


class Alerts:
    """The system_alerts table; a row is lasting until its condition has ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, alert: Alert, now: int) -> bool:
        """Open an alert, unless there is one of this condition; tell whether it is new.

        One that a person has resolved keeps the subject quiet until the condition has
        ended, or until its extent is greater than the person saw.
        """
        with self._database.transaction():
            known = self._database.query(
                "SELECT id, resolved, extent FROM system_alerts "
                "WHERE subject = ? AND lasting = 1", (alert.subject,),
            )  # fmt: skip
            for number, is_resolved, seen in known:
                if alert.extent > seen and not is_resolved:
                    self._worsen(number, alert)
                if alert.extent <= seen or not is_resolved:
                    return False
                self._end(alert.subject, now)
            self._database.execute(
                "INSERT INTO system_alerts "
                "(severity, title, message, subject, created_at, lasting, extent) "
                "VALUES (?, ?, ?, ?, ?, 1, ?)",
                (alert.severity, alert.title, alert.message, alert.subject, now,
                 alert.extent),
            )  # fmt: skip
            self._database.execute(
                "DELETE FROM system_alerts WHERE resolved = 1 AND lasting = 0 AND id <= "
                "(SELECT max(id) FROM system_alerts) - ?",
                (KEPT_MAX,),
            )
        return True

    def _worsen(self, number: int, alert: Alert) -> None:
        """Let an open alert tell how far it has come."""
        self._database.execute(
            "UPDATE system_alerts SET message = ?, extent = ? WHERE id = ?",
            (alert.message, alert.extent, number),
        )

    def _end(self, subject: str, now: int) -> int:
        """Note that a condition has ended; resolve its alert unless a person did."""
        return self._database.execute(
            "UPDATE system_alerts SET lasting = 0, resolved = 1, "
            "resolved_at = iif(resolved, resolved_at, ?) "
            "WHERE subject = ? AND lasting = 1",
            (now, subject),
        )

    def close(self, subject: str, now: int) -> bool:
        """Note that a condition does not hold; tell whether it did."""
        return self._end(subject, now) > 0

    def resolve(self, number: int, now: int) -> bool:
        """Resolve one alert by number; tell whether it was open."""
        return (
            self._database.execute(
                "UPDATE system_alerts SET resolved = 1, resolved_at = ? "
                "WHERE id = ? AND resolved = 0",
                (now, number),
            )
            > 0
        )

    def list(self, unresolved: bool, limit: int) -> list[dict[str, Any]]:
        """Return the newest alerts, all or only the open ones."""
        condition = "WHERE resolved = 0" if unresolved else ""
        rows = self._database.query(
            f"SELECT {', '.join(COLUMNS)} FROM system_alerts {condition} "
            "ORDER BY created_at DESC, id DESC LIMIT ?",
            (limit,),
        )
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return [{**row, "resolved": bool(row["resolved"])} for row in found]
