"""The control store's migrations, oldest first; a released one is never edited."""

from __future__ import annotations

from typing import Final

FIRST: Final = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '', email TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL CHECK (role IN ('admin', 'viewer')),
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    last_signed_in INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    csrf TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('agent', 'api')), subject TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('agent', 'admin', 'viewer')),
    created_at INTEGER NOT NULL, last_used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL);
INSERT INTO generation VALUES (1, 1);
CREATE TRIGGER tokens_added AFTER INSERT ON tokens BEGIN
    UPDATE generation SET number = number + 1; END;
CREATE TRIGGER tokens_removed AFTER DELETE ON tokens BEGIN
    UPDATE generation SET number = number + 1; END;
CREATE TABLE agents (
    agent TEXT PRIMARY KEY, version TEXT NOT NULL, hostname TEXT NOT NULL,
    boot BLOB NOT NULL, sequence INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL,
    last_seen_ns INTEGER NOT NULL, last_batch_ns INTEGER NOT NULL,
    lag_ns INTEGER NOT NULL, skew_ns INTEGER,
    batches INTEGER NOT NULL, bytes INTEGER NOT NULL,
    interfaces TEXT NOT NULL, health TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE batch_ledger (
    agent TEXT NOT NULL, boot BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    accepted_ns INTEGER NOT NULL, PRIMARY KEY (agent, boot, first)
) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1), collector TEXT NOT NULL,
    applied_segment INTEGER NOT NULL, applied_offset INTEGER NOT NULL,
    intent_segment INTEGER NOT NULL, intent_offset INTEGER NOT NULL
);
INSERT INTO journal VALUES (1, lower(hex(randomblob(6))), 0, 0, 0, 0);
CREATE TABLE system_alerts (
    id INTEGER PRIMARY KEY,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    title TEXT NOT NULL, message TEXT NOT NULL, related_flow_id TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL DEFAULT '', resolved INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, resolved_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX alerts_open ON system_alerts (resolved, created_at);
CREATE TABLE qos_rules (
    id INTEGER PRIMARY KEY, traffic_type TEXT NOT NULL UNIQUE, priority INTEGER NOT NULL,
    min_bandwidth REAL NOT NULL, max_bandwidth REAL NOT NULL, dscp INTEGER NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE TABLE collectors (
    collector_id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
    host TEXT NOT NULL,
    http_port INTEGER NOT NULL, backend_url TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1, description TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, last_seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE network_interfaces (
    id INTEGER PRIMARY KEY, switch_id TEXT NOT NULL, name TEXT NOT NULL,
    ip_address TEXT NOT NULL, mac_address TEXT NOT NULL, mtu INTEGER NOT NULL,
    total_bandwidth INTEGER NOT NULL, current_usage INTEGER NOT NULL DEFAULT 0,
    is_active INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    UNIQUE (switch_id, name)
);
"""

LASTING: Final = """
ALTER TABLE system_alerts ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE system_alerts ADD COLUMN extent INTEGER NOT NULL DEFAULT 0;
UPDATE system_alerts SET lasting = 1 WHERE id IN
    (SELECT max(id) FROM system_alerts WHERE resolved = 0 GROUP BY subject);
CREATE UNIQUE INDEX alerts_lasting ON system_alerts (subject) WHERE lasting = 1;
"""
"""An alert is lasting while its condition holds, also when a person has resolved it."""

MIGRATIONS: Final = (FIRST, LASTING)
