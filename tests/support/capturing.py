"""tcpdump at an interface, sure to have started in time and to have seen it all."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.namespaces import Namespace
from tests.support.pcaps import read_pcap

_COUNTS = re.compile(
    r"(\d+) packets? captured, (\d+) packets? received by filter, "
    r"(\d+) packets? dropped by kernel"
)


@dataclass
class Capture:
    """A capture file; whole once the `with` block has ended."""

    path: Path
    captured: int = 0
    dropped: int = 0

    def frames(self) -> list[bytes]:
        """Return the frames in order of arrival."""
        return [frame for _, frame, _ in read_pcap(self.path)]

    def lengths(self) -> list[int]:
        """Return each frame's length, whatever part of it was kept."""
        return [length for _, _, length in read_pcap(self.path)]


@contextmanager
def capture(
    space: Namespace,
    interface: str,
    path: Path,
    *,
    direction: Literal["in", "out", "inout"] = "in",
    expression: str = "",
    keep_bytes: int = 262144,
    buffer_kib: int = 65536,
) -> Iterator[Capture]:
    """Capture while the block runs; then wait until tcpdump has written all it was given.

    Frames dropped by the kernel's buffer fail the test: a truth with holes is none.
    """
    command = space.command(
        "tcpdump", "-i", interface, "-w", str(path), "-Q", direction, "-s", str(keep_bytes),
        "-B", str(buffer_kib), "-n", "-U", "-Z", "root",
        *expression.split(),
    )  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    told = Capture(path)
    try:
        _until_listening(process)
        yield told
        _until_drained(process)
    finally:
        process.send_signal(signal.SIGINT)
        _, last = process.communicate(timeout=30)
    numbers = [int(word) for word in re.findall(r"^(\d+) packets? ", last, re.MULTILINE)]
    told.captured, _, told.dropped = numbers[-3:]
    assert told.dropped == 0, (
        f"tcpdump lost {told.dropped} frames on {interface}: raise buffer_kib"
    )


def _until_listening(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "listening on" in line:
            return
    raise AssertionError(f"tcpdump did not start: {''.join(lines).strip()}")


def _until_drained(process: subprocess.Popen[str], timeout_s: float = 60) -> None:
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_s
    before = None
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGUSR1)
        counts = _COUNTS.search(process.stderr.readline())
        if counts is None:
            continue
        captured, received, dropped = (int(number) for number in counts.groups())
        if captured + dropped == received and (captured, received) == before:
            return
        before = (captured, received)
        time.sleep(0.05)
    raise AssertionError("tcpdump is still writing")
