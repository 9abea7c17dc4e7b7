"""One capture file to its outputs: flow rows, address summary, time buckets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from lab.extract import cic
from lab.extract.columns import EXTENDED, table
from lab.extract.engine import Engine, Settings
from lab.extract.files import CsvFile, ParquetFile, RowFile
from lab.extract.identity import ends
from lab.extract.labels import Labels
from lab.extract.layout import FLOW
from lab.extract.read import Reading, read
from lab.extract.schemas import SCHEMAS, Schema
from lab.extract.source import Source, Unreadable
from lab.extract.summary import Summary
from lab.extract.text import Writer
from wire.listeners import Listeners
from wire.moments import packets

Flows = npt.NDArray[np.void]

ROWS_AT_ONCE: Final = 2048
"""Rows turned into columns together: enough to pay for numpy, few enough for the cache."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make of every capture."""

    schema_name: str = "weir"
    settings: Settings = field(default_factory=Settings)
    labels: Labels = field(default_factory=Labels)
    parquet: bool = False
    extended: bool = False
    summary: bool = False
    bucket_us: int | None = None
    resume: bool = False

    @property
    def schema(self) -> Schema:
        """The dialect of the flow file."""
        return SCHEMAS[self.schema_name]

    def names(self) -> list[str]:
        """The header."""
        names = [name for name, _ in self.schema.columns]
        return names + list(
            EXTENDED if self.extended and self.schema.mode == "weir" else ()
        )


@dataclass(slots=True)
class Report:
    """What became of one capture. problem: why it could not be read, or not to its end."""

    path: Path
    output: Path | None = None
    frames: int = 0
    packets: int = 0
    flows: int = 0
    evicted: int = 0
    first_ns: int = 0
    last_ns: int = 0
    problem: str = ""
    skipped: bool = False


def open_rows(plan: Plan, path: Path, writer: Writer) -> RowFile:
    """The file that the plan's rows go to."""
    if plan.parquet:
        return ParquetFile(path)
    return CsvFile(path, plan.names(), writer, plan.resume)


def _add_to(summary: Summary, flows: Flows, own: bool) -> None:
    if own:
        record = flows["record"]
        size = record["volume"]["bytes"].sum(axis=1).astype(np.int64)
        started = (record["first_ns"] // 1000).astype(np.int64)
        summary.add(ends(flows), started, packets(record).astype(np.int64), size)
        return
    size = (flows["payload_bytes"] + flows["header_bytes"]).astype(np.int64)
    count = flows["packets"].astype(np.int64)
    summary.add(cic.ends(flows), flows["start_us"].astype(np.int64), count, size)


class Rows:
    """Flows on their way to a file, gathered to a good size."""

    def __init__(self, plan: Plan, out: RowFile, summary: Summary | None) -> None:
        self._plan, self._out, self._summary = plan, out, summary
        self._waiting: list[npt.NDArray[np.uint8]] = []
        self._dtype: np.dtype[np.void] = FLOW
        self._count = 0
        self.written = 0

    def add(self, flows: Flows) -> None:
        """Take a copy of the flows, as bytes: field by field would cost ten times that."""
        self._waiting.append(flows.view(np.uint8).copy())
        self._dtype = flows.dtype
        self._count += len(flows)
        if self._count >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        flows: Flows = np.concatenate(self._waiting).view(self._dtype)
        self._waiting, self._count = [], 0
        plan = self._plan
        self._out.write(table(flows, plan.schema, plan.labels, plan.extended))
        if self._summary is not None:
            _add_to(self._summary, flows, plan.schema.mode == "weir")
        self.written += len(flows)


def _finish(report: Report, engine: Engine) -> None:
    tally = engine.tally()[0]
    report.frames = int(tally["seen"]["frames"])
    report.packets = int(tally["flows"]["packets"])
    report.evicted = int(tally["evicted"])
    strangers = int(tally["unknown_link"]["frames"])
    if strangers and not report.problem:
        report.problem = (
            f"{strangers} of {report.frames} packets are of link type "
            f"{tally['unknown_type']}, which is not understood"
        )
    report.first_ns, report.last_ns = int(tally["first_ns"]), int(tally["last_ns"])


def extract(
    path: Path,
    plan: Plan,
    rows: Rows,
    notice: Callable[[Source, Engine], None],
    listeners: Listeners | None = None,
) -> Report:
    """Read one capture into rows; what is wrong with it is in the report, not raised."""
    report = Report(path)
    before = rows.written
    try:
        with Source(path) as source, Engine(plan.settings) as engine:
            reading = Reading()
            for flows in read(
                source, engine, reading, lambda: notice(source, engine), listeners
            ):
                rows.add(flows)
            rows.flush()
            report.problem = reading.problem
            _finish(report, engine)
    except Unreadable as error:
        report.problem = str(error)
    report.flows = rows.written - before
    return report


def write_summary(plan: Plan, summary: Summary, stem: Path, writer: Writer) -> list[Path]:
    """The address and bucket files beside the flow file; their paths."""
    out = []
    tables = []
    if plan.summary:
        tables.append(("_IP_Summary.csv", summary.addresses()))
    if plan.bucket_us:
        tables.append(("_Time_Buckets.csv", summary.buckets()))
    for ending, rows in tables:
        path = stem.with_name(stem.name + ending)
        file = CsvFile(path, [name for name, _ in rows], writer, resume=False)
        file.write(rows)
        file.finish()
        out.append(path)
    return out
