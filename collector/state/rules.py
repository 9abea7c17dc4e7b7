"""QoS rules as the console edits them; agents fetch them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Final

from collector.state.database import Database

COLUMNS: Final = (
    "id", "traffic_type", "priority", "min_bandwidth", "max_bandwidth", "dscp", "enabled",
    "created_at", "updated_at",
)  # fmt: skip
EDITABLE: Final = ("priority", "min_bandwidth", "max_bandwidth", "dscp", "enabled")


class Rules:
    """The qos_rules table: one rule a traffic type."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[dict[str, Any]]:
        """Return every rule by traffic type."""
        rows = self._database.query(
            f"SELECT {', '.join(COLUMNS)} FROM qos_rules ORDER BY traffic_type"
        )
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return [{**row, "enabled": bool(row["enabled"])} for row in found]

    def add(self, rule: Mapping[str, Any], now: int) -> int:
        """Add a rule; return its id. Raises KeyError when the type has one."""
        names = ("traffic_type", *EDITABLE)
        return self._database.insert(
            f"INSERT INTO qos_rules ({', '.join(names)}, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*(rule[name] for name in names), now, now),
        )

    def change(self, traffic_type: str, rule: Mapping[str, Any], now: int) -> bool:
        """Replace a rule's values; tell whether there is one."""
        sets = ", ".join(f"{name} = ?" for name in EDITABLE)
        values: builtins.list[Any] = [rule[name] for name in EDITABLE]
        changed = self._database.execute(
            f"UPDATE qos_rules SET {sets}, updated_at = ? WHERE traffic_type = ?",
            (*values, now, traffic_type),
        )
        return changed > 0

    def remove(self, traffic_type: str) -> bool:
        """Delete a rule; tell whether there was one."""
        return (
            self._database.execute(
                "DELETE FROM qos_rules WHERE traffic_type = ?", (traffic_type,)
            )
            > 0
        )
