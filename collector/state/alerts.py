"""Alerts: opened once per subject, resolved by the condition's end or by a person."""

from __future__ import annotations

from typing import Any, Final

from collector.state.database import Database

COLUMNS: Final = (
    "id", "severity", "title", "message", "related_flow_id", "subject", "resolved",
    "created_at", "resolved_at",
)  # fmt: skip
KEPT_MAX: Final = 10_000
"""Resolved alerts beyond this go, oldest first."""


class Alerts:
    """The system_alerts table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, subject: str, severity: str, title: str, message: str, now: int) -> bool:
        """Open an alert unless one about the subject is open; tell whether it is new."""
        with self._database.transaction():
            if self._database.query(
                "SELECT 1 FROM system_alerts WHERE subject = ? AND resolved = 0", (subject,)
            ):
                return False
            self._database.execute(
                "INSERT INTO system_alerts (severity, title, message, subject, created_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (severity, title, message, subject, now),
            )
            self._database.execute(
                "DELETE FROM system_alerts WHERE resolved = 1 AND id <= "
                "(SELECT max(id) FROM system_alerts) - ?",
                (KEPT_MAX,),
            )
        return True

    def close(self, subject: str, now: int) -> bool:
        """Resolve the open alert about a subject; tell whether there was one."""
        return (
            self._database.execute(
                "UPDATE system_alerts SET resolved = 1, resolved_at = ? "
                "WHERE subject = ? AND resolved = 0",
                (now, subject),
            )
            > 0
        )

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
