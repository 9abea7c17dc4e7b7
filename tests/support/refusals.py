"""A program started where something is missing: what it says, and what it leaves behind."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.support.agents import AGENT, Agent
from tests.support.namespaces import Namespace

Wrap = Callable[..., list[str]]
"""The command line that runs a command line in a poorer world."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_PRIVATE = ("unshare", "--mount", "--propagation", "private", "sh", "-ec")
_EXECUTABLE_BITS = 0x4
_PROGRAM_BITS = 1
_UNSET_REGISTER = bytes.fromhex("bf50000000000000")
"""r0 = r5, where r5 holds nothing yet: the verifier refuses it with `R5 !read_ok`."""


def plain(*command: str) -> list[str]:
    return list(command)


def hidden(*folders: str | Path) -> Wrap:
    """Lay an empty file system over folders, for the command alone."""
    mounts = "".join(f"mount -t tmpfs none '{folder}'; " for folder in folders)
    return lambda *command: [*_PRIVATE, mounts + 'exec "$@"', "sh", *command]


def replaced(target: str | Path, source: str | Path) -> Wrap:
    """Lay one file over another, for the command alone."""
    mount = f"mount --bind '{source}' '{target}'; "
    return lambda *command: [*_PRIVATE, mount + 'exec "$@"', "sh", *command]


def without(*capabilities: str) -> Wrap:
    """Take capabilities away for good."""
    dropped = ",".join(f"-{name}" for name in capabilities)
    sets = (f"--bounding-set={dropped}", f"--inh-caps={dropped}")
    return lambda *command: ["setpriv", *sets, *command]


def run(agent: Agent, wrap: Wrap = plain, command: str = "run") -> tuple[int, list[str]]:
    """Start an agent that is expected to end: its exit status and lines on stderr."""
    agent.write_config()
    return ended(agent.space, wrap(str(AGENT), command, "-c", str(agent.config)))


def ended(space: Namespace | None, command: Sequence[str]) -> tuple[int, list[str]]:
    """Exit status of a command line, and its lines on stderr."""
    done = subprocess.run(
        space.command(*command) if space else list(command),
        capture_output=True, text=True, timeout=30, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


def left_behind(agent: Agent, interface: str) -> list[str]:
    """What an agent has pinned, and what hangs on an interface."""
    pins = [str(path) for path in (agent.pins, *agent.pins.rglob("*")) if path.exists()]
    with agent.space.netlink() as ip:
        index = ip.link_lookup(ifname=interface)[0]
        kinds = [one.get_attr("TCA_KIND") for one in ip.get_qdiscs(index=index)]
        xdp = ip.get_links(index)[0].get_attr("IFLA_XDP")
    attached = bool(xdp and xdp.get_attr("IFLA_XDP_ATTACHED"))
    return pins + [kind for kind in kinds if kind == "clsact"] + ["xdp"] * attached


def spoil(source: Path, target: Path, section: str) -> None:
    """Copy an object whose programs in a section begin with what no verifier accepts."""
    data = bytearray(source.read_bytes())
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", data, table + at * size) for at in range(count)]
    text = heads[names][4]
    found = [
        head[4]
        for head in heads
        if head[1] == _PROGRAM_BITS
        and head[2] & _EXECUTABLE_BITS
        and data[text + head[0] : data.index(0, text + head[0])] == section.encode()
    ]
    assert len(found) == 1, f"{source}: {len(found)} sections {section}"
    data[found[0] : found[0] + len(_UNSET_REGISTER)] = _UNSET_REGISTER
    target.write_bytes(data)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int = 2) -> Iterator[Path]:
    """Mount a disk that is soon full."""
    folder.mkdir()
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
