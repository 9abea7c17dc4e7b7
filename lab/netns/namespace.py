"""One network namespace: made, entered, looked into, removed. Never the machine's own."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, netns

DIRECTORY = Path("/run/netns")
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def create(name: str) -> None:
    """Make a namespace with its loopback up; FileExistsError when the name is taken."""
    if path(name).exists():
        raise FileExistsError(f"{name}: a network namespace of this name exists")
    with _returning():
        # In this thread, not in a child that would go on building when we are killed.
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise _refused(f"cannot make {name}")
        netns.attach(name, "thread-self")
    try:
        with netlink(name) as ip:
            ip.link("set", index=1, state="up")
    except BaseException:
        remove(name)
        raise


def remove(name: str) -> None:
    """Remove a namespace, half-made ones too; its links die with it; absent is fine."""
    with suppress(FileNotFoundError):
        netns.remove(name)


def exists(name: str) -> bool:
    """Tell whether a namespace, or what a crash left of one, has this name."""
    return path(name).exists()


def path(name: str) -> Path:
    """Return the file that keeps the namespace alive."""
    return DIRECTORY / name


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Run the calling thread inside a namespace: sockets and /proc/thread-self/net are its.

    Mounts stay as they are, so bpffs pins remain visible and /sys/class/net still shows the
    namespace that mounted it.
    """
    with _returning(), path(name).open("rb") as target:
        _switch(target.fileno(), name)
        yield


@contextmanager
def netlink(name: str) -> Iterator[Any]:
    """Open rtnetlink inside a namespace (a pyroute2 IPRoute); never in a coroutine."""
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("netlink blocks: from a coroutine use asyncio.to_thread")
    with entered(name):
        ip = IPRoute()
    try:
        yield ip
    finally:
        ip.close()


def index_of(name: str, interface: str) -> int:
    """Return the ifindex of an interface; LookupError when there is none."""
    with netlink(name) as ip:
        found = ip.link_lookup(ifname=interface)
    if not found:
        raise LookupError(f"{interface}: no such interface in namespace {name}")
    return int(found[0])


def set_sysctl(name: str, key: str, value: int) -> None:
    """Write one net.* kernel setting inside a namespace; key as in `ipv4/ip_forward`."""
    with entered(name):
        Path("/proc/sys/net", key).write_text(f"{value}\n", "ascii")


def enter_command(name: str, command: list[str]) -> list[str]:
    """Return the command line that runs a command inside a namespace, mounts untouched."""
    return ["nsenter", f"--net={path(name)}", "--", *command]


@contextmanager
def _returning() -> Iterator[None]:
    with Path("/proc/thread-self/ns/net").open("rb") as home:
        try:
            yield
        finally:
            _switch(home.fileno(), "the namespace that this thread came from")


def _switch(descriptor: int, name: str) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise _refused(f"cannot enter {name}")


def _refused(what: str) -> OSError:
    error = ctypes.get_errno()
    return OSError(error, f"{what}: {os.strerror(error)} (needs CAP_SYS_ADMIN)")
