"""A real agent in a namespace: started, killed, stopped, and what it left on disk."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.__main__ import main
from agent.ship.spool import Spool
from agent.status.client import Client
from tests.support.namespaces import Namespace
from wire import frame
from wire.batch import Batch, decode

AGENT = Path(sys.prefix) / "bin" / "weir-agent"
UNITS = ("frames", "packets", "bytes")


@dataclass
class Agent:
    """`weir-agent run` in a namespace, with directories and pins of its own."""

    space: Namespace
    folder: Path
    capture: dict[str, Any] = field(default_factory=dict)
    agent: dict[str, Any] = field(default_factory=dict)
    qos: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def pins(self) -> Path:
        return Path("/sys/fs/bpf") / self.space.name

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    def write_config(self) -> None:
        agent = {
            "data_dir": str(self.folder / "data"),
            "runtime_dir": str(self.folder / "run"),
            "sync_interval": 1,
            **self.agent,
        }
        capture = {
            "pin_directory": str(self.pins),
            "walk_interval": 0.5,
            **self.capture,
        }
        lines = [
            "[agent]",
            *(f"{key} = {json.dumps(value)}" for key, value in agent.items()),
        ]
        lines += ["[capture]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in capture.items()]
        tables = {key: rows for key, rows in self.qos.items() if isinstance(rows, list)}
        lines += ["[qos]"]
        lines += [
            f"{key} = {json.dumps(value)}"
            for key, value in self.qos.items()
            if key not in tables
        ]
        for name, rows in tables.items():
            for row in rows:
                lines += [f"[[qos.{name}]]"]
                lines += [f"{key} = {json.dumps(value)}" for key, value in row.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self, *, ready: bool = True) -> None:
        self.write_config()
        (self.folder / "run").mkdir(exist_ok=True)
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
            inbox.bind(str(notify))
            inbox.settimeout(0.2)
            log = (self.folder / "agent.log").open("a")
            self.process = subprocess.Popen(
                self.space.command(str(AGENT), "run", "-c", str(self.config)),
                stdout=log,
                stderr=log,
                text=True,
                env={"NOTIFY_SOCKET": str(notify), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
            log.close()
            while ready and not self._said_ready(inbox):
                assert self.process.poll() is None, self.log()

    @staticmethod
    def _said_ready(inbox: socket.socket) -> bool:
        try:
            return b"READY=1" in inbox.recv(4096)
        except TimeoutError:
            return False

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 20) -> None:
        """SIGTERM: every flow ends and is reported; programs stay."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout_s) == 0, self.log()

    def command(
        self, *arguments: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.space.command(str(AGENT), *arguments, "-c", str(self.config)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def status(self) -> dict[str, Any]:
        """What `weir-agent status --json` prints, without a process for each look."""
        return Client(self.folder / "run").get("/status")

    def trees(self) -> dict[str, Any]:
        """What `weir-agent qos show --json` prints, without a process for each look."""
        with self.space.entered(), contextlib.redirect_stdout(io.StringIO()) as told:
            assert main(["qos", "show", "--json", "-c", str(self.config)]) == 0
        answer: dict[str, Any] = json.loads(told.getvalue())
        return answer

    def remove(self) -> None:
        """Whatever happened, leave nothing in the kernel."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.pins / "links", ignore_errors=True)
        for folder in ("links", "programs", "maps"):
            for path in (self.pins / folder).glob("*"):
                path.unlink()
            if (self.pins / folder).exists():
                (self.pins / folder).rmdir()
        if self.pins.exists():
            self.pins.rmdir()

    def batches(self) -> list[Batch]:
        """Every batch that waits in the spool of a stopped agent."""
        spool = Spool(self.folder / "data" / "spool", 1 << 30, 10**18)
        try:
            return list(drained(spool))
        finally:
            spool.close()


def drained(spool: Spool) -> Iterator[Batch]:
    """Take every batch out of a spool, oldest first."""
    while (parcel := spool.oldest()) is not None:
        yield decode(frame.decompress(parcel.body, parcel.coding))
        spool.acknowledge()


def totals(batches: list[Batch], interface: str) -> dict[tuple[str, str, str], int]:
    """Sums of all batches by (hook, outcome, unit)."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for batch in batches:
        for item in batch.interfaces:
            if item.name != interface:
                continue
            for hook in ("rx", "tx"):
                for outcome in (
                    "seen",
                    "flows",
                    "overflow",
                    "non_ip",
                    "unparsed",
                    "filtered",
                ):
                    volume = getattr(getattr(item, hook), outcome)
                    for unit in UNITS:
                        sums[hook, outcome, unit] += getattr(volume, unit)
    return dict(sums)


def unbalanced(sums: dict[tuple[str, str, str], int]) -> dict[tuple[str, str], int]:
    """Where the outcomes do not add up to what was seen: {(hook, unit): difference}."""
    found = {}
    for hook in ("rx", "tx"):
        for unit in UNITS:
            parts = sum(
                sums.get((hook, outcome, unit), 0)
                for outcome in ("flows", "overflow", "non_ip", "unparsed", "filtered")
            )
            if parts != sums.get((hook, "seen", unit), 0):
                found[hook, unit] = parts - sums.get((hook, "seen", unit), 0)
    return found


def assert_without_gaps(sequences: list[int]) -> None:
    """Sequences run from 1 without gaps."""
    assert sequences == list(range(1, len(sequences) + 1)), sequences
