"""The whole of it, with a collector that is a process: all that is simulated is stored."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from lab.netns import processes
from lab.simulate import show as shows, table
from lab.simulate.deltas import classes_of
from lab.simulate.flows import SECOND_NS, Array
from lab.simulate.show import Show, show
from lab.simulate.source import Wish
from lab.stage.waiting import ShowFailed
from tests.support.namespaces import wait_until
from tests.support.ports import free_port
from wire.items import address_texts
from wire.schema import CLASS_NAMES

pytestmark = pytest.mark.timeout(150)
NOBODY = 65534


class Running:
    """A `weir-lab simulate --run` and what it has said so far."""

    def __init__(self, folder: Path, *more: str, before: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.said = folder / "said"
        words = ["simulate", "--run", "--json", f"--port={self.port}", *more]
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-W", "error", "-m", "lab", *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=processes.environment() | {"TMPDIR": str(folder)},
            )

    def events(self) -> list[dict[str, Any]]:
        lines = self.said.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def told(self, event: str) -> list[dict[str, Any]]:
        assert self.process.poll() is None, self.said.read_text()
        return [known for known in self.events() if known["event"] == event]

    def get(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=10) as page:
            return json.load(page)

    def end(self) -> None:
        """Press Ctrl-C; nothing and nobody is left."""
        everybody = psutil.Process(self.process.pid).children(recursive=True)
        assert len(everybody) == 1, "the collector"
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(45) == 0, self.said.read_text()
        assert not any(one.is_running() for one in everybody)
        assert [event["event"] for event in self.events()[-2:]] == ["stopping", "end"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that anybody may use."""
    path = Path(tempfile.mkdtemp(prefix="weir-test-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def totals(flows: Array) -> dict[str, list[int]]:
    """By endpoint: bytes and packets out, bytes in, flows; servers are inside as well."""
    sources = address_texts(flows["source"])
    macs = [row.tobytes().hex(":") for row in flows["source_mac"]]
    known = dict(zip(sources, macs, strict=True))
    found: dict[str, Counter[str]] = {}
    ends = zip(macs, address_texts(flows["destination"]), strict=True)
    for (mac, far), row in zip(ends, flows[["bytes", "packets"]].tolist(), strict=True):
        found.setdefault(mac, Counter()).update(out=row[0], packets=row[1], flows=1)
        if far in known:
            found.setdefault(known[far], Counter()).update({"in": row[0], "flows": 1})
    fields = ("out", "packets", "in", "flows")
    return {name: [sums[f] for f in fields] for name, sums in found.items()}


def test_what_is_replayed_is_what_is_stored(folder: Path) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 900))
    path, lab = folder / "flows.csv", [sys.executable, "-m", "lab", "simulate"]
    made = [f"--csv={path}", "--seconds=600", f"--start={start}", "--seed=5"]
    subprocess.run([*lab, *made], check=True, capture_output=True)
    flows = np.concatenate([second.flows for second in table.read(path)])
    assert len(flows) > 10_000
    running = Running(folder, f"--replay={path}", "--speed=0")
    try:

        def delivered() -> bool:
            heard = [e for e in running.told("progress") if not e["waiting"]]
            return bool(heard) and heard[-1]["flows"] == len(flows) and _stored(running)

        wait_until("everything is stored", delivered, timeout_s=90, step_s=0.5)
        octets, packets = int(flows["bytes"].sum()), int(flows["packets"].sum())
        whole = {"frames": packets, "packets": packets, "bytes": octets}
        rows = running.get("/api/conservation?from=-1800")["interfaces"]
        for row in rows:
            wanted = whole if row["direction"] == "rx" else dict.fromkeys(whole, 0)
            assert row["seen"] == row["flows"] == wanted
            for name in ("overflow", "non_ip", "unparsed", "filtered"):
                assert set(row[name].values()) == {0}
        assert {row["interface"] for row in rows} == {"sim0"}
        by_class = running.get("/api/totals?from=-1800&group=class")["series"]
        numbers = classes_of(flows["source_port"], flows["destination_port"])
        assert {one["name"]: one["total"]["bytes"] for one in by_class} == {
            CLASS_NAMES[number]: int(flows["bytes"][numbers == number].sum())
            for number in np.unique(numbers).tolist()
        }
        rows = running.get("/api/endpoints?from=-1800&limit=1000")["endpoints"]
        fields = ("bytes_out", "packets_out", "bytes_in", "flow_count")
        stored = {row["endpoint_id"]: [row[f] for f in fields] for row in rows}
        assert stored == totals(flows)
        # Ten minutes of a file, in the minutes in which they were.
        batches = running.get("/api/batches?limit=100&from=-1800")["batches"]
        assert len(batches) == 10
        assert (
            max(b["end"] for b in batches) <= int(flows["start_ns"].max()) / SECOND_NS + 2
        )
    finally:
        running.end()
    assert names(folder) == ["flows.csv", "said"]


def _stored(running: Running) -> bool:
    return len(running.get("/api/batches?limit=100&from=-1800")["batches"]) == 10


def test_anybody_may_run_it_and_watch(folder: Path) -> None:
    drop: tuple[str, ...] = ()
    if os.geteuid() == 0:
        ids = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        drop = ("setpriv", *ids)
    path = folder / "flows.csv"
    running = Running(folder, "--flows-per-second=300", f"--csv={path}", before=drop)
    try:
        wait_until("it is ready", lambda: running.told("ready"), timeout_s=70)
        assert running.told("ready")[0]["url"] == f"http://127.0.0.1:{running.port}"

        def live() -> list[Any]:
            rates = running.get("/api/live/throughput")["interfaces"]
            return [rate for rate in rates if rate["rx"]["bps"] > 0]

        wait_until("the live picture moves", live, timeout_s=60, step_s=0.5)
        (rate,) = live()
        assert (rate["agent"], rate["interface"]) == ("simulated", "sim0")

        def endpoints() -> bool:
            return running.get("/api/endpoints")["count"] > 0

        wait_until("the first batch is stored", endpoints, timeout_s=60, step_s=0.5)
        (agent,) = running.get("/api/agents")["agents"]
        assert (agent["name"], agent["health"]) == ("simulated", "online")
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=5) as page:
            assert page.status == 200
    finally:
        running.end()
    assert names(folder) == ["flows.csv", "said"]
    written = sum(len(second.flows) for second in table.read(path))
    # The second that Ctrl-C called off is in the file, and was not reported.
    assert 0 <= written - running.events()[-1]["flows"] <= 300


def test_a_collector_that_dies_ends_it(folder: Path) -> None:
    running = Running(folder)
    wait_until("it is ready", lambda: running.told("ready"), timeout_s=70)
    (child,) = psutil.Process(running.process.pid).children(recursive=True)
    child.kill()
    assert running.process.wait(30) == 1
    line = "weir-lab simulate: collector: ended with status -9\n"
    assert line in running.said.read_text()
    assert names(folder) == ["said"]


def order(folder: Path, **different: Any) -> Show:
    wish = Wish(5, 20.0, 1, 1, None, 1_767_614_400 * SECOND_NS, 0)
    nobody = f"http://127.0.0.1:{free_port()}"
    given = {"wish": wish, "speed": 0.0, "name": "simulated", "url": nobody}
    given |= {"token_file": "", "port": 0, "directory": folder, "record": None}
    return Show(**{**given, **different})


async def test_what_is_not_delivered_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shows, "PATIENCE_S", 0.2)
    told: list[str] = []

    def tell(event: str, text: str, **_: object) -> None:
        told.append(event)

    with pytest.raises(
        ShowFailed, match=f"^batches not delivered: 1: they wait in {folder}"
    ):
        await show(order(folder), asyncio.Event(), tell)
    assert told[-1] == "end"
    lost = order(folder, directory=None)
    with pytest.raises(ShowFailed, match="^batches not delivered, and lost: 1: "):
        await show(lost, asyncio.Event(), tell)


async def test_a_port_in_use_is_named_before_anything_is_made(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = order(folder / "data", url="", port=port)
        with pytest.raises(ShowFailed, match=f"port {port}: Address already in use"):
            await show(busy, asyncio.Event(), lambda *_, **__: None)
    assert names(folder) == []
