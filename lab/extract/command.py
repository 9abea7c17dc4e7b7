"""weir-lab flows: captures to flow files, one after the other, whatever some are like."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final

from lab.extract.engine import TUNNELS, Engine, Settings, Unbuilt, load
from lab.extract.files import Changed, RowFile
from lab.extract.inputs import Input, find
from lab.extract.labels import BadRules, Labels, read_rules
from lab.extract.progress import Progress, Where, choose
from lab.extract.run import Plan, Report, Rows, extract, open_rows, write_summary
from lab.extract.schemas import SCHEMAS
from lab.extract.source import Source
from lab.extract.summary import Summary
from lab.extract.text import Writer
from wire.features import DEFAULT_LABEL
from wire.listeners import Listeners

CANCELLED: Final = 130


class BadUsage(Exception):
    """Options that cannot be meant."""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e9:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of weir-lab flows."""
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        type=Path,
        metavar="FILE|DIR",
        help="captures: pcap, pcapng; gzip, zstd, xz",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where the outputs go")
    add(
        "--schema",
        choices=tuple(SCHEMAS),
        default="weir",
        help="dialect of the flow file (%(default)s)",
    )
    add(
        "--idle-timeout",
        type=_seconds,
        metavar="S",
        help="a silence that ends a flow (120)",
    )
    add(
        "--active-timeout",
        "--flow-timeout",
        type=_seconds,
        metavar="S",
        help="longest a flow is one row (1800; 120 in cic schemas)",
    )
    add(
        "--activity-timeout",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="a silence that ends an active period (5)",
    )
    add(
        "--linger",
        type=_seconds,
        default=15.0,
        metavar="S",
        help="late packets of a closed connection stay with it (15)",
    )
    add(
        "--reorder-window",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="packets are put in order within it; 0: as they come (1)",
    )
    add(
        "--flows-limit",
        type=_count,
        metavar="N",
        help="flows kept at once (98304; 1048576 in cic and cic-fixed)",
    )
    add(
        "--tunnels",
        default="",
        metavar="KINDS",
        help=f"look inside: all, or some of {','.join(TUNNELS)}",
    )
    add(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="threads; any number gives the same bytes (1)",
    )
    add("--no-ipv4", action="store_true", help="leave IPv4 out")
    add("--no-ipv6", action="store_true", help="leave IPv6 out")
    add("--ipv6", action="store_true", help="read IPv6 (the default)")
    add("--unidirectional", action="store_true", help="each direction is a flow of its own")
    add("--drop-duplicates", action="store_true", help="count copies of a packet once")
    add(
        "--keep-fragments",
        action="store_true",
        help="later fragments are flows of their own, as the kernel has them",
    )
    _more_arguments(parser)


def _more_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--label",
        default=DEFAULT_LABEL,
        metavar="TEXT",
        help="the Label column (%(default)s)",
    )
    add(
        "--label-rules",
        type=Path,
        metavar="FILE",
        help="TOML rules that label flows by 5-tuple and time",
    )
    add("--extended", action="store_true", help="more columns behind Label (weir schema)")
    add("--ip-summary", action="store_true", help="also <name>_IP_Summary.csv")
    add(
        "--time-buckets",
        type=_seconds,
        nargs="?",
        const=60.0,
        metavar="S",
        help="also <name>_Time_Buckets.csv",
    )
    add(
        "--format",
        choices=("csv", "parquet"),
        default="csv",
        help="of the flow file (%(default)s)",
    )
    add("--single", metavar="NAME", help="one flow file for all captures")
    add(
        "--resume",
        action="store_true",
        help="skip what is done, go on where a run was stopped",
    )
    add(
        "--plugin",
        action="append",
        default=[],
        metavar="MODULE:CLASS",
        help="a listener; may be repeated",
    )
    add(
        "--progress",
        choices=("auto", "json", "none"),
        default="auto",
        help="bar, JSON lines, nothing",
    )
    add(
        "--log-level",
        choices=("error", "info"),
        default="info",
        help="error: problems only",
    )


def _tunnels(text: str) -> frozenset[str]:
    names = set(TUNNELS) if text == "all" else {name for name in text.split(",") if name}
    if unknown := names - set(TUNNELS):
        raise BadUsage(f"--tunnels: {unknown.pop()}: not one of {', '.join(TUNNELS)}, all")
    return frozenset(names)


def _settings(options: argparse.Namespace) -> Settings:
    schema = SCHEMAS[options.schema]
    idle, active = schema.defaults
    if options.no_ipv4 and options.no_ipv6:
        raise BadUsage("--no-ipv4 and --no-ipv6 together leave nothing to read")
    return Settings(
        mode=schema.mode,
        idle_timeout=idle if options.idle_timeout is None else options.idle_timeout,
        active_timeout=active if options.active_timeout is None else options.active_timeout,
        linger=options.linger,
        activity_timeout=options.activity_timeout,
        reorder_window=options.reorder_window,
        flows_limit=options.flows_limit or schema.flows_limit,
        tunnels=_tunnels(options.tunnels),
        ipv4=not options.no_ipv4,
        ipv6=not options.no_ipv6,
        unidirectional=options.unidirectional,
        join_fragments=not options.keep_fragments,
        drop_duplicates=options.drop_duplicates,
        jobs=options.jobs,
    )


def _plan(options: argparse.Namespace) -> Plan:
    rules = read_rules(options.label_rules) if options.label_rules else ()
    parquet = options.format == "parquet"
    if parquet and importlib.util.find_spec("pyarrow") is None:
        raise BadUsage(
            "--format parquet: needs pyarrow; install it with: pip install pyarrow"
        )
    if options.single and options.resume:
        raise BadUsage("--single and --resume do not go together")
    buckets = options.time_buckets
    return Plan(
        schema_name=options.schema,
        settings=_settings(options),
        labels=Labels(options.label, rules),
        parquet=parquet,
        extended=options.extended,
        summary=options.ip_summary,
        bucket_us=int(buckets * 1e6) if buckets else None,
        resume=options.resume,
    )


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
    plan = _plan(options)
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
