"""Bring the lab up, take it down, tell how it stands. Door to the kernel's namespaces."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any

from lab.netns import namespace, state
from lab.netns.topology import End, Topology, design

IFA_F_NODAD = 0x02
PREFIX = "weir-demo"
CARRIER_S = 10.0
FIRST_INDEX = 1000
"""A veth whose peer has the same number in its namespace comes up a second late."""


@dataclass(frozen=True)
class Status:
    """How a lab stands."""

    prefix: str
    is_up: bool
    namespaces: tuple[str, ...]
    missing: tuple[str, ...]
    processes: tuple[dict[str, Any], ...]


def up(prefix: str = PREFIX, hosts: int = 1) -> Topology:
    """Bring the lab up; one that stands as asked for is left alone, another is rebuilt."""
    plan = design(prefix, hosts)
    with state.locked(prefix):
        known = state.load(prefix)
        if known and known.hosts == hosts and not _missing(plan):
            return plan
        _remove(prefix)
        state.save(state.State(prefix, hosts, list(plan.spaces)))
        try:
            _build(plan)
        except BaseException:
            _remove(prefix)
            raise
    return plan


def standing(prefix: str = PREFIX) -> Topology:
    """Return the lab that is up. ValueError: it is not."""
    known = state.load(prefix)
    plan = design(prefix, known.hosts if known else 1)
    if known is None or _missing(plan):
        raise ValueError(f"{prefix} is not up: `weir-lab demo up` brings it up")
    return plan


def down(prefix: str = PREFIX) -> bool:
    """Remove all that the lab is or a crash left of it; False when there was nothing."""
    with state.locked(prefix):
        found = _remove(prefix)
        state.forget(prefix)
    return found


def status(prefix: str = PREFIX) -> Status:
    """Tell what of the lab exists."""
    known = state.load(prefix)
    plan = design(prefix, known.hosts if known else 1)
    missing = _missing(plan)
    alive = tuple(p for p in (known.processes if known else []) if state.is_alive(p))
    there = tuple(name for name in plan.spaces if namespace.exists(name))
    return Status(prefix, bool(known) and not missing, there, tuple(missing), alive)


def _missing(plan: Topology) -> list[str]:
    """List namespaces and interfaces that the plan has and the kernel has not."""
    lacking = []
    for space in plan.spaces:
        wanted = [
            end.interface for link in plan.links for end in link if end.space == space
        ]
        wanted += [bridge for owner, bridge in plan.bridges if owner == space]
        try:
            with namespace.netlink(space) as ip:
                names = {link.get_attr("IFLA_IFNAME") for link in ip.get_links()}
        except OSError:
            lacking.append(space)
            continue
        lacking += [f"{space}/{name}" for name in wanted if name not in names]
    return lacking


def _build(plan: Topology) -> None:
    for space in plan.spaces:
        namespace.create(space)
        # Duplicate detection would keep IPv6 silent for the first second.
        namespace.set_sysctl(space, "ipv6/conf/default/accept_dad", 0)
    for space, key, value in plan.sysctls:
        namespace.set_sysctl(space, key, value)
    for space, bridge in plan.bridges:
        with namespace.netlink(space) as ip:
            ip.link("add", ifname=bridge, kind="bridge")
            ip.link("set", index=ip.link_lookup(ifname=bridge)[0], state="up")
    for number, (near, far) in enumerate(plan.links):
        with namespace.netlink(near.space) as ip:
            ip.link(
                "add",
                ifname=near.interface,
                kind="veth",
                index=FIRST_INDEX + number,
                address=near.mac,
                peer={
                    "ifname": far.interface,
                    "address": far.mac,
                    "net_ns_fd": far.space,
                },
            )
        _raise_end(near)
        _raise_end(far)
    for space, destination, gateway in plan.routes:
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        with namespace.netlink(space) as ip:
            ip.route("add", dst=destination, gateway=gateway, family=family)
    _await_carriers(plan)


def _await_carriers(plan: Topology) -> None:
    """Wait until the kernel has noticed every carrier: until then links drop frames."""
    deadline = time.monotonic() + CARRIER_S
    for space in plan.spaces:
        with namespace.netlink(space) as ip:
            while any(link.get_attr("IFLA_OPERSTATE") == "DOWN" for link in ip.get_links()):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{space}: links stay down for {CARRIER_S:.0f} s")
                time.sleep(0.01)


def _raise_end(end: End) -> None:
    with namespace.netlink(end.space) as ip:
        index = ip.link_lookup(ifname=end.interface)[0]
        if end.bridge:
            ip.link("set", index=index, master=ip.link_lookup(ifname=end.bridge)[0])
        for address in end.addresses:
            host, _, length = address.partition("/")
            # Without duplicate detection an IPv6 address is usable at once.
            extra = {"flags": IFA_F_NODAD} if ":" in host else {}
            ip.addr("add", index=index, address=host, prefixlen=int(length), **extra)
        ip.link("set", index=index, state="up")


def _remove(prefix: str) -> bool:
    """End processes, then remove namespaces and files; by name where the record is lost."""
    known = state.load(prefix)
    spaces = set(known.spaces if known else [])
    if namespace.DIRECTORY.exists():
        roles = ("router", "server", "switch", "client", "host")
        spaces |= {
            path.name
            for path in namespace.DIRECTORY.glob(f"{prefix}-*")
            if path.name.removeprefix(f"{prefix}-").rstrip("0123456789") in roles
        }
    found = bool(known) or bool(spaces)
    if known:
        state.end_processes(known.processes)
    for space in sorted(spaces):
        state.end_processes(state.processes_in(namespace.path(space)))
        namespace.remove(space)
    if known:
        state.remove_directories(known.directories)
    return found
