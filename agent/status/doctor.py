"""What works here, what is degraded, and how to mend it: facts in, findings out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.config import Config
from agent.status.facts import Facts

OLDEST_KERNEL: Final = (5, 15)
TCX_KERNEL: Final = (6, 6)
CLOCK_SECONDS_MAX: Final = 5.0
"""The collector's Date header counts whole seconds, and its answer takes a moment."""


class Level(StrEnum):
    """How it stands."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; remedy is empty when nothing is to be done."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


Check = Callable[[Facts, Config], Iterator[Finding]]


def examine(facts: Facts, config: Config) -> tuple[Finding, ...]:
    """Return the findings of every check, in order."""
    return tuple(finding for check in CHECKS for finding in check(facts, config))


def worst(findings: Sequence[Finding]) -> Level:
    """Return the gravest level found."""
    order = list(Level)
    return max((f.level for f in findings), key=order.index, default=Level.OK)


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return the findings for people."""
    told = []
    for finding in findings:
        told.append(f"{finding.level:<9} {finding.subject:<12} {finding.text}")
        if finding.remedy:
            told.append(f"{'':<22} -> {finding.remedy}")
    return told


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings for programs."""
    rows = [
        {"subject": f.subject, "level": f.level, "text": f.text, "remedy": f.remedy}
        for f in findings
    ]
    return {"status": worst(findings), "findings": rows}


def _version(release: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _kernel(facts: Facts, config: Config) -> Iterator[Finding]:
    if _version(facts.kernel) < OLDEST_KERNEL:
        text = f"{facts.kernel or 'unknown'} is too old"
        yield Finding("kernel", Level.FAILED, text, "install kernel 5.15 or newer")
    elif _version(facts.kernel) < TCX_KERNEL:
        yield Finding("kernel", Level.OK, f"{facts.kernel}: tc hooks by clsact")
    else:
        yield Finding("kernel", Level.OK, f"{facts.kernel}: tc hooks by TCX links")
    if facts.lockdown != "none":
        # It forbids reading the kernel's own memory, which no program of ours does.
        text = f"{facts.lockdown}: takes nothing from the programs"
        yield Finding("lockdown", Level.OK, text)


def _loader(facts: Facts, config: Config) -> Iterator[Finding]:
    # Neither back end reads the kernel's BTF; both speak to the kernel through libbpf.
    if not facts.has_libbpf:
        remedy = "apt-get install libbpf1"
        yield Finding("loader", Level.FAILED, "no libbpf.so.1", remedy)
    elif config.capture.loader != "bcc":
        yield Finding("loader", Level.OK, "prebuilt programs through libbpf")
    elif facts.has_bcc and facts.has_headers:
        yield Finding("loader", Level.OK, "bcc compiles here, with 170 MB of memory")
    else:
        remedy = f"apt-get install python3-bpfcc linux-headers-{facts.kernel}"
        yield Finding("loader", Level.FAILED, "bcc or kernel headers are missing", remedy)


def _capabilities(facts: Facts, config: Config) -> Iterator[Finding]:
    needed = {"CAP_NET_ADMIN"}
    if "CAP_SYS_ADMIN" not in facts.capabilities:
        needed |= {"CAP_BPF", "CAP_PERFMON"}
    lacking = sorted(needed - facts.capabilities)
    if lacking:
        text = f"this process lacks {', '.join(lacking)}"
        yield Finding("capabilities", Level.FAILED, text, "run as root or by the unit")
    else:
        yield Finding("capabilities", Level.OK, "may load and attach programs")


def _pins(facts: Facts, config: Config) -> Iterator[Finding]:
    where = config.capture.pin_directory
    if any(where.startswith(mount.rstrip("/") + "/") for mount in facts.bpf_mounts):
        yield Finding("pins", Level.OK, f"{where} is on a bpf file system")
    else:
        text = f"{where} is on no bpf file system: a restart would lose packets"
        remedy = "mount -t bpf bpf /sys/fs/bpf"
        yield Finding("pins", Level.FAILED, text, remedy)
    if facts.jit == "0":
        text = "BPF programs are interpreted: several times slower"
        remedy = "sysctl net.core.bpf_jit_enable=1"
        yield Finding("jit", Level.DEGRADED, text, remedy)


def _queues(facts: Facts, config: Config) -> Iterator[Finding]:
    if "clsact" not in facts.qdiscs and _version(facts.kernel) < TCX_KERNEL:
        text = "no clsact: packets that leave cannot be counted"
        yield Finding("tc", Level.FAILED, text, "use a kernel with CONFIG_NET_SCH_INGRESS")
    shapers = [name for name in ("htb", "cake") if name in facts.qdiscs]
    leaves = [name for name in ("fq_codel", "cake", "sfq") if name in facts.qdiscs]
    if not shapers:
        remedy = "use a kernel with CONFIG_NET_SCH_HTB or CONFIG_NET_SCH_CAKE"
        yield Finding(
            "shaping", Level.DEGRADED, "neither htb nor cake: only observing", remedy
        )
        return
    text = f"{' and '.join(shapers)}; queues: {', '.join(leaves) or 'plain ones'}"
    lacking = [] if leaves else ["fq_codel or cake"]
    if not facts.has_ifb:
        lacking.append("ifb, to shape what arrives")
    if lacking:
        remedy = f"use a kernel with {' and '.join(lacking)}"
        yield Finding("shaping", Level.DEGRADED, text, remedy)
    else:
        yield Finding("shaping", Level.OK, text)


def _interfaces(facts: Facts, config: Config) -> Iterator[Finding]:
    there = f"there are {', '.join(facts.interfaces) or 'none'}"
    if not config.capture.interfaces:
        remedy = f"set [capture] interfaces: {there}"
        yield Finding("interfaces", Level.FAILED, "none is named in the settings", remedy)
    elif not facts.matching:
        text = f"{', '.join(config.capture.interfaces)}: not there now; {there}"
        yield Finding("interfaces", Level.DEGRADED, text, "correct [capture] interfaces")
    else:
        yield Finding("interfaces", Level.OK, ", ".join(facts.matching))


def _disk(facts: Facts, config: Config) -> Iterator[Finding]:
    free, wanted = facts.free_bytes >> 20, config.agent.buffer_mb
    if facts.data_directory_error:
        remedy = "correct data_dir, or its owner"
        yield Finding("disk", Level.FAILED, facts.data_directory_error, remedy)
    elif free < wanted:
        text = f"{free} MB free in {config.agent.data_dir}, buffer_mb is {wanted}"
        yield Finding("disk", Level.DEGRADED, text, "free some space, or lower buffer_mb")
    else:
        yield Finding("disk", Level.OK, f"{free} MB free in {config.agent.data_dir}")


def _agent(facts: Facts, config: Config) -> Iterator[Finding]:
    if facts.agent_answers:
        yield Finding("agent", Level.OK, "running")
    elif facts.api_port_error:
        text = f"{config.agent.api_host} {config.agent.api_port}: {facts.api_port_error}"
        yield Finding("port", Level.FAILED, text, "set another api_host or api_port")


def _collectors(facts: Facts, config: Config) -> Iterator[Finding]:
    if not config.agent.backend_url:
        text = "none: what is counted stays here"
        yield Finding("collector", Level.DEGRADED, text, "set backend_url")
    for one in facts.collectors:
        if one.status == 200:
            yield Finding("collector", Level.OK, f"{one.url} is ready")
        else:
            reason = one.error or f"answers {one.status}"
            text = reason if one.url in reason else f"{one.url}: {reason}"
            remedy = "start it, or correct backend_url"
            yield Finding("collector", Level.DEGRADED, text, remedy)


def _clock(facts: Facts, config: Config) -> Iterator[Finding]:
    for one in facts.collectors:
        if one.ahead_seconds is not None and abs(one.ahead_seconds) > CLOCK_SECONDS_MAX:
            way = "behind" if one.ahead_seconds > 0 else "ahead of"
            text = f"{abs(one.ahead_seconds):.0f} s {way} {one.url}"
            yield Finding("clock", Level.DEGRADED, text, "set the clock on both machines")
            return
    if facts.keeps_time:
        yield Finding("clock", Level.OK, "a time service keeps it")
    else:
        remedy = "apt-get install systemd-timesyncd"
        text = "no sign of a time service"
        yield Finding("clock", Level.DEGRADED, text, remedy)


CHECKS: Final[tuple[Check, ...]] = (
    _kernel,
    _loader,
    _capabilities,
    _pins,
    _queues,
    _interfaces,
    _disk,
    _agent,
    _collectors,
    _clock,
)
