"""Batches of a small, known office, and a collector process to send them to."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.namespaces import wait_until
from tests.support.ports import free_port
from wire import frame
from wire.batch import Batch, Direction, Endpoints, Interface, Volume, encode
from wire.schema import ENDPOINT, ENDPOINT_SKETCHES, FLOW
from wire.sketches import Distinct, Frequent, Quantiles

ROOT = Path(__file__).resolve().parents[2]
BOOT = bytes(range(16))
SECOND = 1_000_000_000
PASSWORD = "correct horse battery"
KIND = {"Content-Type": "application/json"}


def volume(number: int) -> Volume:
    return Volume(number, number * 2, number * 1000)


def sketch_images(names: list[list[str]]) -> dict[str, tuple[bytes, ...]]:
    images: dict[str, list[bytes]] = {name: [] for name in ENDPOINT_SKETCHES}
    for peers in names:
        made: dict[str, bytes] = {}
        for name in ("unique_peers", "unique_ports"):
            distinct = Distinct()
            distinct.update(peers)
            made[name] = distinct.to_bytes()
        top = Frequent()
        top.update([(peer, 10 * (place + 1)) for place, peer in enumerate(peers[:5])])
        made["top_peers"] = top.to_bytes()
        lengths = Quantiles(64)
        lengths.update(np.array([100.0, 1500.0]))
        made["packet_length"] = lengths.to_bytes()
        for name, column in images.items():
            column.append(made.get(name, b""))
    return {name: tuple(column) for name, column in images.items()}


def endpoints(ids: tuple[str, ...], peers: list[list[str]]) -> Endpoints:
    totals = np.zeros(len(ids), ENDPOINT)
    for place in range(len(ids)):
        totals["bytes_in"][place] = 1000 * (place + 1)
        totals["bytes_out"][place] = 500
        totals["packets_in"][place] = 10
        totals["packets_out"][place] = 5
        totals["flow_count"][place] = 2
        totals["class_bytes"][place] = [0, 0, 1000 * (place + 1), 0, 500, 0, 0]
        totals["first_seen"][place] = 1_000
        totals["last_seen"][place] = 2_000
        totals["active_hours"][place] = 1 << 9
    return Endpoints(ids, totals, sketch_images(peers))


def flows(count: int, start_ns: int) -> Any:
    rows = np.zeros(count, FLOW)
    for place in range(count):
        rows["source"][place] = list(
            bytes(10) + b"\xff\xff" + bytes((10, 0, 0, place % 250))
        )
        rows["destination"][place] = list(bytes.fromhex("20010db8" + "00" * 11) + b"\x01")
        rows["source_port"][place] = 40000 + place
        rows["bytes_forward"][place] = 100 * (place + 1)
    rows["destination_port"] = 443
    rows["protocol"], rows["family"], rows["class"] = 6, 4, 4
    rows["packets_forward"] = 3
    rows["first_ns"], rows["last_ns"] = start_ns, start_ns + SECOND
    return rows


def direction(number: int) -> Direction:
    return Direction(
        seen=volume(number),
        flows=volume(number - 3),
        overflow=volume(1),
        non_ip=volume(1),
        unparsed=volume(1),
        classes={"video": volume(number - 4), "web": volume(1)},
    )


def batch(
    sequence: int = 1, agent: str = "edge-001", boot: bytes = BOOT, end: float = 0.0,
    hosts: int = 3, heavy: int = 5,
) -> Batch:  # fmt: skip
    end_ns = int((end or time.time()) * SECOND)
    start_ns = end_ns - 60 * SECOND
    ids = tuple(f"02:00:00:00:00:{place:02x}" for place in range(hosts))
    peers = [[f"192.0.2.{n}" for n in range(sequence, sequence + 20)] for _ in ids]
    lengths = Quantiles()
    lengths.update(np.array([64.0, 1500.0, 1500.0]))
    return Batch(
        agent=agent,
        boot=boot,
        sequence=sequence,
        start_ns=start_ns,
        end_ns=end_ns,
        agent_version="0.1.0",
        hostname="office",
        interfaces=(
            Interface(
                "eth0", "02:00:00:00:00:fe", 1500, 10**9, ("192.0.2.1/24",), True,
                "tcx", "tcx", direction(100), direction(50),
            ),
        ),
        endpoints=endpoints(ids, peers),
        flows=flows(heavy, start_ns),
        quantiles={"packet_length": lengths.to_bytes()},
        health={"uptime_seconds": 12.5, "flows_live": 7, "mode": "live"},
    )  # fmt: skip


def headers(one: Batch, token: str = "", coding: str = "zstd") -> dict[str, str]:
    found = {
        "Content-Type": "application/msgpack",
        "Content-Encoding": coding,
        "X-Switch-ID": one.agent,
        "X-Sketch-Count": str(len(one.endpoints.ids)),
        "X-Weir-Boot": one.boot.hex(),
        "X-Weir-Sequence": str(one.sequence),
    }
    return found | ({"Authorization": f"Bearer {token}"} if token else {})


def body(one: Batch, coding: str = "zstd") -> bytes:
    return frame.compress(encode(one), coding)


def renumbered(one: Batch, sequence: int) -> Batch:
    return dataclasses.replace(one, sequence=sequence)


class Answer:
    """Status, headers and JSON (or text) of one answer."""

    def __init__(self, status: int, received: Any, data: bytes) -> None:
        self.status, self.headers, self.data = status, received, data

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class Server:
    """A real collector process."""

    def __init__(self, folder: Path, *flags: str, auth: str = "none") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.flags = (
            "--auth", auth, "--bind-host", "127.0.0.1", "--agent-port", str(self.port),
            "--console-port", str(self.port), "--data-dir", str(folder), *flags,
        )  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, wait: float = 30.0, path: str = "/health") -> Server:
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "collector", "run", *self.flags],
            cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        log.close()
        until = time.monotonic() + wait
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(self.log())
            try:
                if self.get(path).status == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log()}")

    def log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "collector", *arguments, "--data-dir", str(self.folder)],
            cwd=ROOT, input=text, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def request(
        self, method: str, path: str, data: bytes | None = None, fields: Any = None
    ) -> Answer:
        request = urllib.request.Request(
            self.url + path, data=data, headers=fields or {}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def reason(self, wait: float = 20.0) -> str:
        """Wait until it is not ready for a reason; return that."""

        def told() -> Any:
            answer = self.get("/health")
            return answer.json.get("reason") if answer.status == 503 else None

        return str(wait_until("a reason", told, timeout_s=wait, step_s=0.1))

    def get(self, path: str, fields: Any = None) -> Answer:
        return self.request("GET", path, fields=fields)

    def post(self, one: Batch, token: str = "", coding: str = "zstd") -> Answer:
        return self.request(
            "POST",
            "/api/edge/sketches/binary",
            body(one, coding),
            headers(one, token, coding),
        )

    def settled(self) -> Any:
        """Wait until everything acknowledged is in the store; return the metrics."""

        def told() -> Any:
            metrics = self.get("/metrics").json
            return metrics if metrics["pending"] == 0 else None

        return wait_until("the store has caught up", told, step_s=0.05)


def token(server: Server, *what: str) -> str:
    done = server.command("token", "add", *what)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def login(server: Server, name: str, password: str = PASSWORD) -> Answer:
    data = json.dumps({"username": name, "password": password}).encode()
    return server.request("POST", "/api/auth/login", data, KIND)


def session(answer: Answer) -> dict[str, str]:
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    return {"Cookie": cookie.split(";")[0], "X-CSRF-Token": answer.json["csrf"]}
