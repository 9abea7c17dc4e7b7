"""What this machine is and has, as far as the agent depends on it: read, never changed."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import re
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.config import Config

_QDISC: Final = re.compile(
    r" (htb|tbf|hfsc|prio|cake|fq_codel|fq|sfq|pfifo|netem|clsact|ingress)"
    r"_(?:enqueue|init)\b"
)
_MODULES: Final = ("sch_", "ifb")
_CAPABILITIES: Final = {
    12: "CAP_NET_ADMIN",
    21: "CAP_SYS_ADMIN",
    38: "CAP_PERFMON",
    39: "CAP_BPF",
}
# What time services leave behind once the clock is right, or while they run.
_CLOCK_SIGNS: Final = (
    "run/systemd/timesync/synchronized", "run/chrony/chronyd.pid", "run/chronyd.pid",
    "run/ntpd.pid", "run/ntpsec/ntpd.pid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reach:
    """A collector, asked for its health. status 0: no answer, and error says why."""

    url: str
    status: int
    error: str = ""
    ahead_seconds: float | None = None  # its clock against this machine's


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at."""

    kernel: str = "6.1.0"
    has_headers: bool = True
    has_bcc: bool = True
    has_libbpf: bool = True
    capabilities: frozenset[str] = frozenset(_CAPABILITIES.values())
    lockdown: str = "none"
    bpf_mounts: tuple[str, ...] = ("/sys/fs/bpf",)
    jit: str = "1"  # "": cannot be read
    qdiscs: frozenset[str] = frozenset()
    has_ifb: bool = True
    keeps_time: bool = True
    data_directory_error: str = ""
    free_bytes: int = 1 << 40
    interfaces: tuple[str, ...] = ()
    matching: tuple[str, ...] = ()  # those that the settings name
    agent_answers: bool = False
    api_port_error: str = ""
    collectors: tuple[Reach, ...] = field(default=())


_BCC: Final = "usr/lib/python3/dist-packages/bcc"
"""Where Debian's own Python has it; the package's private environment does not see that."""


def gather(
    config: Config, collectors: tuple[Reach, ...], agent_answers: bool, root: Path
) -> Facts:
    """Read the facts. root is `/`; another one is read in its stead."""
    release = _text(root / "proc/sys/kernel/osrelease")
    symbols = _text(root / "proc/kallsyms")
    modules = _module_names(root / "lib/modules" / release)
    interfaces = tuple(sorted(name for _, name in socket.if_nameindex()))
    data = Path(config.agent.data_dir)
    there = next(path for path in (data, *data.parents) if path.exists())
    return Facts(
        kernel=release,
        has_headers=(root / "lib/modules" / release / "build").exists(),
        has_bcc=importlib.util.find_spec("bcc") is not None or (root / _BCC).exists(),
        has_libbpf=any(root.glob("usr/lib/*/libbpf.so.1"))
        or any(root.glob("lib/libbpf.so.1")),
        capabilities=capabilities(_text(root / "proc/self/status")),
        lockdown=lockdown(_text(root / "sys/kernel/security/lockdown")),
        bpf_mounts=bpf_mounts(_text(root / "proc/self/mounts")),
        jit=_text(root / "proc/sys/net/core/bpf_jit_enable"),
        qdiscs=qdiscs(symbols, modules),
        has_ifb=" ifb_xmit" in symbols or "ifb" in modules,
        keeps_time=any((root / sign).exists() for sign in _CLOCK_SIGNS),
        data_directory_error=_directory_error(there),
        free_bytes=shutil.disk_usage(there).free,
        interfaces=interfaces,
        matching=tuple(
            name
            for name in interfaces
            if any(fnmatch.fnmatchcase(name, p) for p in config.capture.interfaces)
        ),
        agent_answers=agent_answers,
        api_port_error=_port_error(config) if not agent_answers else "",
        collectors=collectors,
    )


def capabilities(status: str) -> frozenset[str]:
    """Return the effective ones that matter, from /proc/self/status."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    bits = int(found[1], 16) if found else 0
    return frozenset(name for bit, name in _CAPABILITIES.items() if bits >> bit & 1)


def lockdown(text: str) -> str:
    """Return the mode in brackets of /sys/kernel/security/lockdown."""
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else "none"


def bpf_mounts(mounts: str) -> tuple[str, ...]:
    """Return where bpf file systems are, from /proc/self/mounts."""
    rows = [line.split() for line in mounts.splitlines()]
    return tuple(row[1] for row in rows if len(row) > 2 and row[2] == "bpf")


def qdiscs(symbols: str, modules: frozenset[str]) -> frozenset[str]:
    """Return queueing disciplines that are built in, loaded, or on disk as modules."""
    built_in = {match[1] for match in _QDISC.finditer(symbols)}
    loadable = {name.removeprefix("sch_") for name in modules if name.startswith("sch_")}
    both = {"clsact", "ingress"} if "ingress" in loadable else set()
    return frozenset(built_in | loadable | both)


def _directory_error(path: Path) -> str:
    if not path.is_dir():
        return f"{path} is not a directory"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} is not writable"


def _port_error(config: Config) -> str:
    if not config.agent.api_host:
        return ""
    try:
        address = (config.agent.api_host, config.agent.api_port)
        socket.create_server(address).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _module_names(directory: Path) -> frozenset[str]:
    found = directory.glob("kernel/**/*.ko*")
    names = {path.name.partition(".")[0].replace("-", "_") for path in found}
    return frozenset(name for name in names if name.startswith(_MODULES))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
