"""The options of weir-lab flows, and the plan they make."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from lab.extract.engine import TUNNELS, Settings
from lab.extract.labels import Labels, read_rules
from lab.extract.run import Plan
from lab.extract.schemas import SCHEMAS
from wire.features import DEFAULT_LABEL


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


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options ask for; raises BadUsage or BadRules."""
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
