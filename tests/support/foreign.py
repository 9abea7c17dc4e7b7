"""Somebody else's programs, filters and qdiscs on an interface."""

from __future__ import annotations

import ctypes
import json
import struct
import subprocess
from typing import Any

from agent.capture.loader import bpf
from tests.support.namespaces import Namespace

SCHED_CLS = 3


def _returning(verdict: int) -> bytes:
    move, leave = 0xB7, 0x95
    return struct.pack("<BBhi", move, 0, 0, verdict) + struct.pack("<BBhi", leave, 0, 0, 0)


def program(name: str, verdict: int = -1) -> int:
    """Fd of a tc program that returns a verdict; TC_ACT_UNSPEC: everything goes on."""
    load = bpf.library().bpf_prog_load
    code = _returning(verdict)
    buffer = ctypes.create_string_buffer(code)
    count = ctypes.c_size_t(len(code) // 8)
    return bpf.checked(
        load(SCHED_CLS, name.encode(), b"GPL", buffer, count, None), "foreign program"
    )


def tcx(space: Namespace, interface: str, fd: int) -> list[int]:
    """Attach to both TCX hooks; the links, which hold while they are open."""
    index = space.index(interface)
    with space.entered():
        return [
            bpf.create_link(fd, index, kind)
            for kind in (bpf.ATTACH_TCX_INGRESS, bpf.ATTACH_TCX_EGRESS)
        ]


def clsact_filter(space: Namespace, interface: str, fd: int, priority: int) -> None:
    """A direct-action filter of another agent, clsact included, in both directions."""
    index = space.index(interface)
    with space.netlink() as ip:
        if not any(q.get_attr("TCA_KIND") == "clsact" for q in ip.get_qdiscs(index=index)):
            ip.tc("add", "clsact", index)
        for parent in (0xFFFFFFF2, 0xFFFFFFF3):
            ip.tc(
                "add-filter", "bpf", index, parent=parent, fd=fd, name="foreign",
                prio=priority, handle=1, classid=1, direct_action=True,
            )  # fmt: skip


def shaper(space: Namespace, interface: str) -> None:
    """A root HTB with one class."""
    space.run("tc", "qdisc", "add", "dev", interface, "root", "handle", "9:", "htb")
    rate = ("parent", "9:", "classid", "9:1", "htb", "rate", "50mbit")
    space.run("tc", "class", "add", "dev", interface, *rate)


def everything(space: Namespace, interface: str) -> dict[str, Any]:
    """What hangs on an interface, but for what is Weir's and for moving counters."""
    found: dict[str, Any] = {
        "qdiscs": _without_counters(
            space.run("tc", "-j", "qdisc", "show", "dev", interface)
        ),
        "classes": space.run("tc", "class", "show", "dev", interface),
    }
    for direction in ("ingress", "egress"):
        found[direction] = space.run("tc", "filter", "show", "dev", interface, direction)
    shown = json.loads(space.run("bpftool", "-j", "net", "show", "dev", interface))
    found["net"] = shown
    links = json.loads(space.run("bpftool", "-j", "link", "show"))
    mine = space.index(interface)
    found["links"] = sorted(
        (link["id"], link["prog_id"])
        for link in links
        if link.get("ifindex", mine) == mine and _is_foreign(link["prog_id"])
    )
    return found


def _is_foreign(program_id: int) -> bool:
    done = subprocess.run(
        ["bpftool", "-j", "prog", "show", "id", str(program_id)],
        capture_output=True,
        text=True,
        check=False,
    )
    return not json.loads(done.stdout or "{}").get("name", "").startswith("weir")


def _without_counters(text: str) -> list[Any]:
    return [
        {key: value for key, value in qdisc.items() if key not in ("bytes", "packets")}
        for qdisc in json.loads(text or "[]")
    ]
