"""The agents that ever reported: what they said last, and how their clock stands."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable
from typing import Any, Final

from collector.records import NANOSECONDS, Sighting
from collector.state.database import Database
from collector.state.ledger import FORGET_AFTER_NS

COLUMNS: Final = (
    "agent", "version", "hostname", "boot", "sequence", "first_seen_ns", "last_seen_ns",
    "last_batch_ns", "lag_ns", "skew_ns", "batches", "bytes", "interfaces", "health",
)  # fmt: skip


class Registry:
    """One row an agent, kept by the writer in the same transaction as the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, sightings: Iterable[Sighting]) -> None:
        """Fold batches into the agents' rows; the caller has a transaction."""
        for seen in sightings:
            self._database.execute(
                "INSERT INTO agents "
                "VALUES (?, '', '', ?, 0, ?, 0, 0, 0, NULL, 0, 0, '[]', '{}') "
                "ON CONFLICT (agent) DO NOTHING",
                (seen.agent, seen.boot, seen.received_ns),
            )
            self._database.execute(
                "UPDATE agents SET batches = batches + 1, bytes = bytes + ?, "
                "last_seen_ns = max(last_seen_ns, ?), skew_ns = coalesce(?, skew_ns) "
                "WHERE agent = ?",
                (seen.size_bytes, seen.received_ns, skew(seen), seen.agent),
            )
            self._database.execute(
                "UPDATE agents SET version = ?, hostname = ?, boot = ?, sequence = ?, "
                "last_batch_ns = ?, lag_ns = ?, interfaces = ?, health = ? "
                "WHERE agent = ? AND (last_batch_ns <= ? OR boot <> ?)",
                (
                    seen.version, seen.hostname, seen.boot, seen.sequence, seen.end_ns,
                    seen.received_ns - seen.end_ns, json.dumps(list(seen.interfaces)),
                    json.dumps(dict(seen.health)), seen.agent, seen.end_ns, seen.boot,
                ),
            )  # fmt: skip
            for interface in seen.interfaces:
                self._record_interface(seen, interface)

    def _record_interface(self, seen: Sighting, interface: Any) -> None:
        now = seen.received_ns // NANOSECONDS
        self._database.execute(
            "INSERT INTO network_interfaces "
            "(switch_id, name, ip_address, mac_address, mtu, "
            "total_bandwidth, is_active, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (switch_id, name) DO UPDATE SET "
            "ip_address = excluded.ip_address, mac_address = excluded.mac_address, "
            "mtu = excluded.mtu, total_bandwidth = excluded.total_bandwidth, "
            "is_active = excluded.is_active, updated_at = excluded.updated_at",
            (
                seen.agent, interface["name"], ", ".join(interface["addresses"]),
                interface["mac"], interface["mtu"], interface["speed_bps"],
                int(interface["is_up"]), now, now,
            ),
        )  # fmt: skip

    def list(self) -> list[dict[str, Any]]:
        """Return every agent's row by name; interfaces and health are decoded."""
        rows = self._database.query(
            f"SELECT {', '.join(COLUMNS)} FROM agents ORDER BY agent"
        )
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        for row in found:
            row["boot"] = bytes(row["boot"])
            row["interfaces"] = json.loads(row["interfaces"])
            row["health"] = json.loads(row["health"])
        return found

    def forget(self, now_ns: int) -> builtins.list[str]:
        """Drop agents and interfaces silent for long; return the agents' names."""
        limit_ns = now_ns - FORGET_AFTER_NS
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM network_interfaces WHERE updated_at < ?",
                (limit_ns // NANOSECONDS,),
            )
            rows = self._database.query(
                "DELETE FROM agents WHERE last_seen_ns < ? RETURNING agent", (limit_ns,)
            )
        return [name for (name,) in rows]


def skew(seen: Sighting) -> int | None:
    """Return how far the agent's clock is ahead in nanoseconds, or None when not told."""
    return seen.sent_ns - seen.received_ns if seen.sent_ns else None
