"""A snapshot with something in every place, and a source of it."""

from __future__ import annotations

import dataclasses
import ipaddress

import numpy as np

from agent.records import FLOW_DELTA, Counters, Interface
from agent.reports import PluginState, SpoolState, UplinkState
from agent.status.snapshot import Snapshot

SECOND_NS = 10**9
NOW_NS = 1_700_000_000 * SECOND_NS
BEGUN_NS = NOW_NS - 40 * SECOND_NS


def interface(name: str, slot: int, **more) -> Interface:
    fields = {
        "name": name, "ifindex": slot + 10, "slot": slot, "mac": "02:00:00:00:00:01",
        "mtu": 1500, "speed_bps": 10**9, "addresses": ("192.0.2.1/24",), "is_up": True,
        "rx_mode": "xdp-native", "tx_mode": "tcx",
    }  # fmt: skip
    return Interface(**{**fields, **more})


def counters() -> Counters:
    """Slots 0 and 3 in use; every cell another number; outcomes add up to seen."""
    made = Counters.none()
    base = np.arange(6, dtype=np.uint64).reshape(2, 3) + np.uint64(1)
    names = ("flows", "overflow", "non_ip", "unparsed", "filtered")
    for slot in (0, 3):
        for n, name in enumerate(names):
            getattr(made, name)[slot] = base * np.uint64(10 ** (n + 1) + slot)
        made.seen[slot] = sum(getattr(made, name)[slot] for name in names)
        made.by_class[slot, :, 1] = base
        made.by_class[slot, :, 5] = base * np.uint64(7)
    return made


def packed(address: str) -> np.ndarray:
    parsed = ipaddress.ip_address(address)
    octets = (
        parsed.packed if parsed.version == 6 else bytes(10) + b"\xff\xff" + parsed.packed
    )
    return np.frombuffer(octets, np.uint8)


def flows(*rows: dict) -> np.ndarray:
    table = np.zeros(len(rows), FLOW_DELTA)
    for n, row in enumerate(rows):
        table["id"][n] = n + 1
        table["protocol"][n], table["family"][n] = 6, 4
        table["first_ns"][n], table["last_ns"][n] = (
            BEGUN_NS + 5 * SECOND_NS,
            BEGUN_NS + 9 * SECOND_NS,
        )
        for name, value in row.items():
            table[name][n] = packed(value) if name in ("source", "destination") else value
    return table


FLOWS = flows(
    {
        "source": "10.0.0.5", "destination": "198.51.100.7", "source_port": 50000,
        "destination_port": 443, "class": 4, "total_packets": (10, 20),
        "total_bytes": (1000, 20_000), "rtt_ns": 12_500_000, "retransmits": (1, 2),
    },
    {
        "source": "2001:db8::5", "destination": "2001:db8::1", "source_port": 5004,
        "destination_port": 5004, "protocol": 17, "family": 6, "class": 1, "slot": 3,
        "dscp": 46, "vlan": 12, "total_packets": (300, 0), "total_bytes": (60_000, 0),
        "first_ns": BEGUN_NS + 1 * SECOND_NS,
    },
    {
        "source": "10.0.0.6", "destination": "10.0.0.5", "protocol": 1, "slot": 3,
        "total_packets": (1, 1), "total_bytes": (84, 84),
        "last_ns": BEGUN_NS + 30 * SECOND_NS,
    },
)  # fmt: skip

SNAPSHOT = Snapshot(
    switch_id="edge-001",
    version="0.1.0",
    now_ns=NOW_NS,
    uptime_seconds=3600.0,
    loader="libbpf",
    interfaces=(interface("wan0", 0), interface("lan0", 3, rx_mode="tcx", is_up=False)),
    counters=counters(),
    kernel={
        "wan0": np.array([[1, 2, 3], [4, 5, 6]], np.uint64),
        "lan0": np.array([[7, 8, 9], [10, 11, 12]], np.uint64),
    },
    flows=FLOWS,
    walked_ns=NOW_NS - 3 * SECOND_NS,
    flows_max=65536,
    flows_processed=12_345,
    flows_per_second=7.5,
    closing_free=16_000,
    endpoints=42,
    endpoints_max=500,
    evictions=3,
    rss_bytes=64 << 20,
    walk_seconds=0.02,
    plugins=(
        PluginState("notes:Notes", 60, 3, 2), PluginState("slow:Slow", is_dropped=True),
    ),
    step_seconds=0.03,
    spool=SpoolState(
        batches=2, endpoints=80, bytes=5000, disk_bytes=9000,
        oldest_ns=NOW_NS - 90 * SECOND_NS, appended_batches=60, dropped_batches=1,
        dropped_endpoints=40, dropped_bytes=2500, refused_batches=4, quarantined_batches=5,
        damaged_bytes=6,
    ),
    uplink=UplinkState(
        connected=True, backend_url="http://a:1",
        breakers=(("http://a:1", "closed"), ("http://b:1", "open")),
        last_success_ns=NOW_NS - 12 * SECOND_NS, sketches_sent=2000, batches_sent=57,
        bytes_sent=140_000, duplicates=1, set_aside=5, errors=9,
        errors_by_kind={"busy": 4, "unreachable": 5}, upload_seconds=4.5,
        upload_buckets=(0, 1, 2, 50, 3, 0, 0, 0, 0, 0, 0, 1),
    ),
)  # fmt: skip


class Moment:
    """A source that stands still."""

    def __init__(self, **changes) -> None:
        self.now = dataclasses.replace(SNAPSHOT, **changes)
        self.exact: list[bool] = []
        self.synced = 0
        self.has_collector = True

    async def snapshot(self, *, exact: bool = False) -> Snapshot:
        self.exact.append(exact)
        return self.now

    async def sketches(self) -> list[dict]:
        return [{"endpoint_id": "10.0.0.5", "unique_peers": 7.0}]

    async def sync(self) -> None:
        self.synced += 1
