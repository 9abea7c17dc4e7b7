"""What the machine is like: its files, users, and what stands in the kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path

from guest import run

IGNORED = re.compile(
    r"/(proc|sys|dev|run|tmp|payload|lost\+found|boot|root/\.|var/(log|tmp|cache|backups)"
    r"|var/lib/(dpkg|apt|acceptance|systemd/(random-seed|timers|catalog|coredump|linger|ephemeral"
    r"|timesync|backlight|rfkill|pstore)|private)"
    r"|etc/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-$|ld\.so\.cache|machine-id|mtab))"
)
"""What a machine changes by itself; bytecode of the system's Python is left out as well."""


def files() -> dict[str, str]:
    """Kind, owner and size of every file of the root file system."""
    shown = "%p\\t%M %U:%G"
    plain, folders = ("!", "-type", "d"), ("-type", "d")
    sized = (*plain, "-printf", shown + " %s\\n")
    lines = run("find", "/", "-xdev", *sized, "-o", *folders, "-printf", shown + "\\n")
    return dict(line.split("\t", 1) for line in lines.splitlines())


def _shown(kind: str) -> list[dict]:
    return json.loads(run("bpftool", "--json", kind, "show") or "[]")


def kernel() -> dict[str, object]:
    """Programs, maps, links, pins, and queues of this and of every named network."""
    spaces = run("ip", "netns", "list").split()
    return {
        "programs": sorted(
            one.get("name", "")
            for one in _shown("prog")
            if not one["type"].startswith("cgroup")
        ),
        "maps": sorted(
            one["name"]
            for one in _shown("map")
            if one.get("name") and one["name"] != "libbpf_global"
        ),
        "links": len([one for one in _shown("link") if one.get("type") in ("tcx", "xdp")]),
        "pins": sorted(str(path) for path in Path("/sys/fs/bpf").rglob("*")),
        "queues": run("tc", "qdisc", "show"),
        "ifb": run("ip", "-o", "link", "show", "type", "ifb"),
        "spaces": sorted(spaces),
    }


def users() -> str:
    names = ("passwd", "group", "shadow", "gshadow")
    return "".join(Path("/etc", name).read_text() for name in names)


def picture() -> dict[str, object]:
    return {"files": files(), "kernel": kernel(), "users": users()}


def _is_ignored(path: str) -> bool:
    bytecode = "/usr/lib/python3" in path and "/__pycache__" in path
    return bytecode or IGNORED.match(path) is not None


def differences(before: dict, after: dict) -> list[str]:
    """A line for everything that is not what it was."""
    old, new = before["files"], after["files"]
    found = [
        f"{path}: {old.get(path)} -> {new.get(path)}"
        for path in sorted(set(old) | set(new))
        if old.get(path) != new.get(path) and not _is_ignored(path)
    ]
    for key, value in after["kernel"].items():
        if before["kernel"][key] != value:
            found.append(f"{key}: {before['kernel'][key]} -> {value}")
    lines = set(before["users"].splitlines()) ^ set(after["users"].splitlines())
    return [*found, *(f"users: {line}" for line in sorted(lines))]
