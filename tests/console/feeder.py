"""Agents for the console's tests: real batches and live samples of figures known before."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wire import frame
from wire.batch import NO_ENDPOINTS, Batch, Direction, Endpoints, Interface, Volume, encode
from wire.items import address_bytes
from wire.schema import CLASS_NAMES, ENDPOINT, ENDPOINT_SKETCHES, FLOW
from wire.sketches import Distinct

SECOND_NS = 1_000_000_000
INTERVAL_NS = 60 * SECOND_NS

Rates = Mapping[str, Mapping[str, int]]
"""Direction → class → bits a second."""


@dataclass(frozen=True)
class Port:
    """One interface and what flows through it each second."""

    name: str
    speed_bps: int
    rates: Rates


@dataclass(frozen=True)
class Router:
    """One agent."""

    name: str
    hostname: str
    ports: tuple[Port, ...]
    boot: bytes = bytes(range(16))
    health: Mapping[str, int | float | str] = field(
        default_factory=lambda: {
            "uptime_seconds": 273_000,
            "cpu_seconds": 5460.0,
            "flows_live": 1750,
            "flows_max": 65_536,
            "rss_bytes": 71_000_000,
            "spool_bytes": 0,
        }
    )


DOWN = {
    "voice": 160_000,
    "video": 12_000_000,
    "interactive": 600_000,
    "web": 8_000_000,
    "file": 36_000_000,
    "background": 4_000_000,
    "unknown": 1_000_000,
}
UP = {name: bps // 8 for name, bps in DOWN.items()}

BERLIN = Router(
    "edge-berlin",
    "rtr-berlin-01",
    (
        Port("wan0", 1_000_000_000, {"rx": DOWN, "tx": UP}),
        Port("lan0", 1_000_000_000, {"rx": UP, "tx": DOWN}),
    ),
)
LAB = Router(
    "edge-lab", "netns-router", (Port("wr0", 0, {"rx": {"web": 2_400_000}, "tx": {}}),)
)


def endpoints() -> Endpoints:
    """Twelve endpoints, each half as busy as the one before, with ever more peers."""
    ids = tuple(f"10.20.0.{n}" if n % 3 else f"2001:db8:20::{n:x}" for n in range(1, 13))
    totals = np.zeros(len(ids), ENDPOINT)
    now = int(time.time())
    for place in range(len(ids)):
        row = totals[place]
        row["bytes_in"], row["bytes_out"] = 9_000_000_000 >> place, 1_300_000_000 >> place
        row["packets_in"] = row["packets_out"] = 1_000_000 >> place
        row["flow_count"] = 100 + place
        row["class_bytes"][2] = row["bytes_in"]
        row["class_bytes"][5] = row["bytes_out"]
        row["first_seen"], row["last_seen"] = now - 50, now - 1
    sketches = dict.fromkeys(ENDPOINT_SKETCHES, (b"",) * len(ids))
    sketches["unique_peers"] = tuple(distinct(place + 1) for place in range(len(ids)))
    return Endpoints(ids, totals, sketches)


def distinct(count: int) -> bytes:
    """An HLL image of so many peers."""
    sketch = Distinct()
    sketch.update(f"192.0.2.{n}" for n in range(count))
    return sketch.to_bytes()


def flows(interface: int = 0) -> np.ndarray[Any, np.dtype[np.void]]:
    """Ten heavy flows of both families, of every class, TCP, UDP and ICMP."""
    rows = np.zeros(10, FLOW)
    now = time.time_ns()
    for place in range(len(rows)):
        row, is_six = rows[place], place % 3 == 0
        source = f"2001:db8:40:1::{place:x}" if is_six else f"10.20.1.{place}"
        target = "2001:db8:ffff:12:a1b2:c3d4:e5f6:443" if is_six else "203.0.113.9"
        row["source"] = np.frombuffer(address_bytes(source), np.uint8)
        row["destination"] = np.frombuffer(address_bytes(target), np.uint8)
        row["protocol"] = (6, 17, 6, 6)[place % 4] if place != 5 else 1
        is_icmp = row["protocol"] == 1
        row["source_port"] = 8 << 8 if is_icmp else 40_000 + 811 * place
        row["destination_port"] = 8 << 8 if is_icmp else 443
        row["family"] = 6 if is_six else 4
        row["interface"], row["class"] = interface, place % len(CLASS_NAMES)
        row["packets_forward"], row["packets_backward"] = 1000 * place, 4_000_000 >> place
        row["bytes_forward"], row["bytes_backward"] = (
            210_000_000 >> place,
            4_000_000_000 >> place,
        )
        row["first_ns"], row["last_ns"] = now - 40 * SECOND_NS, now
        row["rtt_ns"] = 3_300_000 * place
        row["retransmits"] = place * place
    return rows


def volume(bits_a_second: int, seconds: float) -> Volume:
    """Packets of 1,000 bytes."""
    size = round(bits_a_second * seconds / 8)
    return Volume(size // 1000, size // 1000, size)


def direction(rates: Mapping[str, int], seconds: float) -> Direction:
    """What a direction carried in so many seconds."""
    classes = {name: volume(bps, seconds) for name, bps in rates.items()}
    whole = Volume(*(sum(each) for each in zip(Volume(), *classes.values(), strict=True)))
    return Direction(seen=whole, flows=whole, classes=classes)


def batch(router: Router, sequence: int, end_ns: int, heavy: bool = True) -> Batch:
    """One interval of one router."""
    return Batch(
        agent=router.name,
        boot=router.boot,
        sequence=sequence,
        start_ns=end_ns - INTERVAL_NS,
        end_ns=end_ns,
        agent_version="0.1.0",
        hostname=router.hostname,
        interfaces=tuple(
            Interface(
                name=port.name,
                mac="02:00:00:00:00:01",
                mtu=1500,
                speed_bps=port.speed_bps,
                addresses=("192.0.2.1/24", "2001:db8::1/64"),
                is_up=True,
                rx_mode="tcx",
                tx_mode="tcx",
                rx=direction(port.rates["rx"], 60),
                tx=direction(port.rates["tx"], 60),
            )
            for port in router.ports
        ),
        endpoints=endpoints() if heavy else NO_ENDPOINTS,
        flows=flows() if heavy else np.zeros(0, FLOW),
        health=router.health,
    )


def send_batch(base: str, made: Batch) -> dict[str, Any]:
    """Upload a batch as an agent does."""
    request = urllib.request.Request(
        f"{base}/api/edge/sketches/binary",
        data=frame.compress(encode(made)),
        headers={
            "Content-Type": frame.CONTENT_TYPE,
            "Content-Encoding": "zstd",
            "X-Switch-ID": made.agent,
            "X-Sketch-Count": str(len(made.endpoints.ids)),
            "X-Weir-Boot": made.boot.hex(),
            "X-Weir-Sequence": str(made.sequence),
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.load(answer))


class LiveFeed:
    """Posts samples each second, whose counters grow exactly as the routers' rates say."""

    def __init__(self, base: str, routers: Sequence[Router]) -> None:
        self.base, self.routers = base, tuple(routers)
        self.failures = 0
        self._factor = 1
        self._stop = threading.Event()
        self._counted: dict[tuple[str, str, str, str], int] = {}
        self._seconds = int(time.time())
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LiveFeed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def speed_up(self, factor: int) -> None:
        """From now on every rate is so many times as high."""
        self._factor = factor

    def _run(self) -> None:
        while not self._stop.wait(1.0 - time.time() % 1.0):
            self._seconds += 1
            for router in self.routers:
                try:
                    self._post(self._sample(router))
                except OSError:
                    self.failures += 1

    def _post(self, sample: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.base}/api/edge/live",
            data=json.dumps(sample).encode(),
            headers={
                "Content-Type": "application/json",
                "X-Switch-ID": sample["switch_id"],
            },
        )
        with urllib.request.urlopen(request, timeout=5):
            pass

    def _sample(self, router: Router) -> dict[str, Any]:
        return {
            "switch_id": router.name,
            "now_ns": self._seconds * SECOND_NS,
            "interfaces": [
                {
                    "name": port.name,
                    **{way: self._way(router, port, way) for way in ("rx", "tx")},
                }
                for port in router.ports
            ],
        }

    def _way(self, router: Router, port: Port, way: str) -> dict[str, Any]:
        classes = {}
        for name, bps in port.rates[way].items():
            key = (router.name, port.name, way, name)
            self._counted[key] = self._counted.get(key, 0) + bps * self._factor // 8
            size = self._counted[key]
            classes[name] = [size // 1000, size // 1000, size]
        whole = [sum(each) for each in zip([0] * 3, *classes.values(), strict=True)]
        return {
            "frames": whole[0],
            "packets": whole[1],
            "bytes": whole[2],
            "classes": classes,
        }
