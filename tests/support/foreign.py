"""Somebody else's programs, filters and qdiscs on an interface."""

from __future__ import annotations

import ctypes
import errno
import json
import platform
import socket
import struct
import subprocess
from typing import Any

from agent.capture.loader import bpf
from tests.support.namespaces import Namespace

SCHED_CLS = 3
_BPF_CALLS = {"x86_64": 321, "aarch64": 280}
_PROG_QUERY = 16


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
    with space.entered():
        found["links"] = [
            (kind, link, program_id)
            for kind in (bpf.ATTACH_TCX_INGRESS, bpf.ATTACH_TCX_EGRESS)
            for link, program_id in _links(socket.if_nametoindex(interface), kind)
            if _is_foreign(program_id)
        ]
    return found


class _Query(ctypes.Structure):
    """What bpf(BPF_PROG_QUERY) is asked, as linux/bpf.h has it."""

    _fields_ = (
        ("ifindex", ctypes.c_uint32), ("kind", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32), ("attach_flags", ctypes.c_uint32),
        ("programs", ctypes.c_uint64), ("count", ctypes.c_uint32),
        ("padding", ctypes.c_uint32), ("program_flags", ctypes.c_uint64),
        ("links", ctypes.c_uint64), ("link_flags", ctypes.c_uint64),
        ("revision", ctypes.c_uint64),
    )  # fmt: skip


def _links(index: int, kind: int) -> list[tuple[int, int]]:
    """Links and programs of a TCX hook, in their order, in this thread's namespace."""
    links, programs = (ctypes.c_uint32 * 64)(), (ctypes.c_uint32 * 64)()
    query = _Query(ifindex=index, kind=kind, count=64)
    query.links, query.programs = ctypes.addressof(links), ctypes.addressof(programs)
    call = ctypes.CDLL(None, use_errno=True).syscall
    number = _BPF_CALLS[platform.machine()]
    if call(number, _PROG_QUERY, ctypes.byref(query), ctypes.sizeof(query)):
        number = ctypes.get_errno()
        assert number == errno.EINVAL, errno.errorcode[number]  # a kernel before TCX
        return []
    return [(links[at], programs[at]) for at in range(query.count)]


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
