"""How far the work is: a bar for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from lab.extract.run import Report

BAR_SECONDS: Final = 0.1
JSON_SECONDS: Final = 0.25
BAR_CELLS: Final = 24


@dataclass(slots=True)
class Where:
    """The file at work, and the work as a whole."""

    path: Path
    number: int
    files: int
    position_bytes: int
    size_bytes: int
    done_bytes: int  # of the files before
    total_bytes: int
    packets: int
    flows: int


class Progress:
    """Says nothing; the others say more."""

    def begin(self, files: int, total_bytes: int) -> None:
        """The work is known."""

    def step(self, where: Where) -> None:
        """Somewhere in a file."""

    def file_end(self, report: Report) -> None:
        """A file is done, or given up."""
        if report.problem:
            sys.stderr.write(f"weir-lab: {report.path}: {report.problem}\n")

    def end(self, reports: list[Report], cancelled: bool) -> None:
        """All is done, or was stopped."""


class Bar(Progress):
    """One line that is written over: this file and all of them."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._last, self._begun = out, 0.0, time.monotonic()

    def step(self, where: Where) -> None:
        """Draw, ten times a second at most."""
        now = time.monotonic()
        if now - self._last < BAR_SECONDS:
            return
        self._last = now
        here = where.position_bytes / max(where.size_bytes, 1)
        whole = (where.done_bytes + where.position_bytes) / max(where.total_bytes, 1)
        cells = int(whole * BAR_CELLS)
        rate = where.packets / max(now - self._begun, 1e-9)
        self._out.write(
            f"\r\x1b[K[{'#' * cells}{'.' * (BAR_CELLS - cells)}] {whole:4.0%}  "
            f"{where.number}/{where.files} {where.path.name[:40]} {here:4.0%}  "
            f"{where.packets:,} packets  {rate / 1e6:.2f} M/s"
        )
        self._out.flush()

    def file_end(self, report: Report) -> None:
        """Problems stay on the screen."""
        self._out.write("\r\x1b[K")
        super().file_end(report)

    def end(self, reports: list[Report], cancelled: bool) -> None:
        """One line of what was done."""
        bad = sum(bool(report.problem) for report in reports)
        seconds = time.monotonic() - self._begun
        self._out.write(
            f"\r\x1b[K{'cancelled after ' if cancelled else ''}{len(reports)} files, "
            f"{sum(report.frames for report in reports):,} packets, "
            f"{sum(report.flows for report in reports):,} flows, {seconds:.1f} s"
            f"{f', {bad} with problems' if bad else ''}\n"
        )


class Json(Progress):
    """One object a line on standard output; docs/features.md lists the events."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._last = out, 0.0

    def _say(self, event: str, **values: object) -> None:
        self._out.write(json.dumps({"event": event, **values}) + "\n")
        self._out.flush()

    def begin(self, files: int, total_bytes: int) -> None:
        """How much there is."""
        self._say("begin", files=files, total_bytes=total_bytes)

    def step(self, where: Where) -> None:
        """Where the work is, four times a second at most."""
        now = time.monotonic()
        if now - self._last < JSON_SECONDS:
            return
        self._last = now
        self._say(
            "progress",
            file=str(where.path),
            number=where.number,
            files=where.files,
            position_bytes=where.position_bytes,
            size_bytes=where.size_bytes,
            done_bytes=where.done_bytes + where.position_bytes,
            total_bytes=where.total_bytes,
            packets=where.packets,
            flows=where.flows,
        )

    def file_end(self, report: Report) -> None:
        """What became of a file."""
        self._say(
            "file",
            file=str(report.path),
            output=None if report.output is None else str(report.output),
            packets=report.frames,
            flows=report.flows,
            evicted=report.evicted,
            first_ns=report.first_ns,
            last_ns=report.last_ns,
            skipped=report.skipped,
            error=report.problem or None,
        )

    def end(self, reports: list[Report], cancelled: bool) -> None:
        """Totals."""
        self._say(
            "end",
            files=len(reports),
            failed=sum(bool(report.problem) for report in reports),
            packets=sum(report.frames for report in reports),
            flows=sum(report.flows for report in reports),
            cancelled=cancelled,
        )


def choose(kind: str) -> Progress:
    """auto: a bar where somebody watches; json; none."""
    if kind == "json":
        return Json(sys.stdout)
    if kind == "auto" and sys.stderr.isatty():
        return Bar(sys.stderr)
    return Progress()
