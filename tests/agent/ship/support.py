"""Parcels for tests of the ship room."""

from __future__ import annotations

from agent.ship.parcel import Parcel

BOOT = bytes(range(16))
MINUTE_NS = 60 * 10**9


def parcel(sequence: int, body: bytes = b"body", **more) -> Parcel:
    fields = {
        "agent": "edge-001",
        "boot": BOOT,
        "sequence": sequence,
        "version": 1,
        "endpoints": 3,
        "created_ns": sequence * MINUTE_NS,
        "coding": "identity",
        "body": body,
    }
    return Parcel(**{**fields, **more})
