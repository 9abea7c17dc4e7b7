"""weir-lab flows: captures to flow files, one after the other, whatever some are like."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Final

from lab.extract.engine import Engine, Unbuilt, load
from lab.extract.files import Changed, RowFile
from lab.extract.inputs import Input, find
from lab.extract.labels import BadRules
from lab.extract.options import BadUsage, arguments, plan_of
from lab.extract.progress import Progress, Where, choose
from lab.extract.run import Plan, Report, Rows, extract, open_rows, write_summary
from lab.extract.source import Source
from lab.extract.summary import Summary
from lab.extract.text import Writer
from wire.listeners import Listeners

__all__ = ["arguments", "main"]

CANCELLED: Final = 130


def _listener(name: str) -> object:
    module, _, attribute = name.partition(":")
    try:
        made: object = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise BadUsage(f"--plugin {name}: {error}") from None
    return made


class Work:
    """All captures, one after the other."""

    def __init__(
        self, inputs: list[Input], plan: Plan, progress: Progress, listeners: Listeners
    ) -> None:
        self._inputs, self._plan, self._progress = inputs, plan, progress
        self._listeners = listeners
        self._writer = Writer()
        self._sizes = [_size(given.path) for given in inputs]
        self._packets = self._flows = 0
        self.reports: list[Report] = []

    def _notice(self, number: int) -> None:
        before, total = sum(self._sizes[:number]), sum(self._sizes)
        given = self._inputs[number]

        def notice(source: Source, engine: Engine) -> None:
            self._progress.step(
                Where(
                    given.path,
                    number + 1,
                    len(self._inputs),
                    source.position,
                    source.size,
                    before,
                    total,
                    self._packets + engine.frames(),
                    self._flows,
                )
            )

        self._say = notice

    def _new_summary(self) -> Summary | None:
        plan = self._plan
        return Summary(plan.bucket_us) if plan.summary or plan.bucket_us else None

    def _one(self, number: int, out: RowFile, summary: Summary | None) -> Report:
        given = self._inputs[number]
        self._notice(number)
        rows = Rows(self._plan, out, summary)
        report = extract(given.path, self._plan, rows, self._say, self._listeners)
        self._packets += report.frames
        self._flows += report.flows
        self.reports.append(report)
        return report

    def _output(self, stem: Path) -> Path:
        ending = "_Flow.parquet" if self._plan.parquet else "_Flow.csv"
        return stem.with_name(stem.name + ending)

    def _separate(self, number: int) -> None:
        given = self._inputs[number]
        path = self._output(given.stem)
        if self._plan.resume and _is_done(path, given.path):
            self.reports.append(Report(given.path, path, skipped=True))
            self._progress.file_end(self.reports[-1])
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        out = open_rows(self._plan, path, self._writer)
        summary = self._new_summary()
        try:
            report = self._one(number, out, summary)
        except BaseException:
            out.abandon()
            raise
        if report.problem and not report.packets:
            _discard(out, path)
        else:
            out.finish()
            report.output = path
            if summary is not None:
                write_summary(self._plan, summary, given.stem, self._writer)
        self._progress.file_end(report)

    def separate(self) -> None:
        """An output for each capture."""
        self._progress.begin(len(self._inputs), sum(self._sizes))
        for number in range(len(self._inputs)):
            self._separate(number)

    def single(self, stem: Path) -> None:
        """One output for all of them."""
        self._progress.begin(len(self._inputs), sum(self._sizes))
        path = self._output(stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        out, summary = open_rows(self._plan, path, self._writer), self._new_summary()
        try:
            for number in range(len(self._inputs)):
                report = self._one(number, out, summary)
                report.output = path
                self._progress.file_end(report)
        except BaseException:
            out.abandon()
            raise
        out.finish()
        if summary is not None:
            write_summary(self._plan, summary, stem, self._writer)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_done(output: Path, source: Path) -> bool:
    try:
        return output.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except OSError:
        return False


def _discard(out: RowFile, path: Path) -> None:
    out.abandon()
    path.with_name(path.name + ".part").unlink(missing_ok=True)


def _work(options: argparse.Namespace) -> int:
    load()
    plan = plan_of(options)
    inputs = find(options.paths, options.out)
    if not inputs:
        raise BadUsage(f"{options.paths[0]}: no captures there")
    progress = choose(options.progress)
    listeners = Listeners(_listener(name) for name in options.plugin)
    work, cancelled = Work(inputs, plan, progress, listeners), False
    try:
        if options.single:
            work.single(options.out / options.single)
        else:
            work.separate()
    except KeyboardInterrupt:
        cancelled = True
    progress.end(work.reports, cancelled)
    for name, failures, last in zip(
        options.plugin, listeners.failures, listeners.last_failure, strict=True
    ):
        if failures:
            sys.stderr.write(f"weir-lab: plug-in {name}: failed {failures} times: {last}\n")
    if cancelled:
        return CANCELLED
    return int(any(report.problem for report in work.reports))


def main(options: argparse.Namespace) -> int:
    """Exit status: 0, 1 some capture had a problem, 2 bad usage, 130 cancelled."""
    try:
        return _work(options)
    except (BadUsage, BadRules, Changed, Unbuilt) as error:
        sys.stderr.write(f"weir-lab: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"weir-lab: {error.filename}: {error.strerror}\n")
        return 2
