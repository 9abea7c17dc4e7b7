"""Worlds for tests: namespaces and veth pairs that vanish with the test."""

from __future__ import annotations

import fcntl
import itertools
import secrets
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab.netns import namespace

OFFLOADS = ("tso", "gso", "gro", "tx", "rx")
_SIOCETHTOOL = 0x8946
_ETHTOOL_SET = {"rx": 0x15, "tx": 0x17, "sg": 0x19, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
_ETHTOOL_GET = {name: command - 1 for name, command in _ETHTOOL_SET.items()}


@dataclass(frozen=True)
class Namespace:
    """A network namespace of a test."""

    name: str

    def entered(self) -> AbstractContextManager[None]:
        """Run this thread inside; sockets opened here stay here."""
        return namespace.entered(self.name)

    def netlink(self) -> AbstractContextManager[Any]:
        return namespace.netlink(self.name)

    def command(self, *arguments: str) -> list[str]:
        return namespace.enter_command(self.name, list(arguments))

    def run(self, *arguments: str, timeout: float = 30, check: bool = True) -> str:
        """Run a command inside and return what it printed; /sys is not remounted."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{arguments} in {self.name} ended {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def popen(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        return subprocess.Popen(self.command(*arguments), **options)

    def index(self, interface: str) -> int:
        return namespace.index_of(self.name, interface)

    def is_up(self, interface: str) -> bool:
        with self.netlink() as ip:
            return bool(
                ip.get_links(ifname=interface)[0].get_attr("IFLA_OPERSTATE") == "UP"
            )

    def mac(self, interface: str) -> bytes:
        with self.netlink() as ip:
            link = ip.get_links(ifname=interface)[0]
        return bytes.fromhex(link.get_attr("IFLA_ADDRESS").replace(":", ""))

    def statistics(self, interface: str) -> dict[str, int]:
        """Return the kernel's counters: rx_packets, rx_bytes, tx_dropped, ..."""
        with self.netlink() as ip:
            link = ip.get_links(ifname=interface)[0]
        return dict(link.get_attr("IFLA_STATS64"))

    def wait_quiet(
        self, interface: str, *, still_s: float = 0.1, timeout_s: float = 30
    ) -> dict[str, int]:
        """Wait until no counter has moved for a while; return the counters."""
        deadline = time.monotonic() + timeout_s
        before = self.statistics(interface)
        while time.monotonic() < deadline:
            time.sleep(still_s)
            now = self.statistics(interface)
            if now == before:
                return now
            before = now
        raise AssertionError(f"{interface} in {self.name} is not quiet after {timeout_s} s")

    def address(self, interface: str, *addresses: str) -> None:
        """Add addresses such as 10.0.0.1/24; IPv6 without duplicate detection."""
        index = self.index(interface)
        with self.netlink() as ip:
            for address in addresses:
                host, _, length = address.partition("/")
                options = {"flags": 0x02} if ":" in host else {}
                ip.addr("add", index=index, address=host, prefixlen=int(length), **options)

    def route(self, destination: str, gateway: str) -> None:
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        with self.netlink() as ip:
            ip.route("add", dst=destination, gateway=gateway, family=family)

    def set_link(self, interface: str, **options: Any) -> None:
        """Change a link: state="up", mtu=1400, address="02:..:01"."""
        index = self.index(interface)
        with self.netlink() as ip:
            ip.link("set", index=index, **options)

    def sysctl(self, key: str, value: int) -> None:
        namespace.set_sysctl(self.name, key, value)

    def offload(self, interface: str, **switches: bool) -> None:
        """Switch tso, gso, gro, tx, rx or sg; AssertionError when it does not hold."""
        for name, wanted in switches.items():
            self._ethtool(interface, _ETHTOOL_SET[name], int(wanted))
            if bool(self._ethtool(interface, _ETHTOOL_GET[name], 0)) != wanted:
                raise AssertionError(f"{interface}: {name} cannot be switched to {wanted}")

    def offloads_off(self, interface: str) -> None:
        self.offload(interface, tso=False, gso=False, gro=False, tx=False)

    def _ethtool(self, interface: str, command: int, value: int) -> int:
        data = bytearray(struct.pack("=II", command, value))
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            held = (memoryview_address(data)).to_bytes(8, "little")
            fcntl.ioctl(
                control,
                _SIOCETHTOOL,
                interface.encode().ljust(16, b"\0") + held + bytes(16),
            )
        return int(struct.unpack("=II", data)[1])


def memoryview_address(data: bytearray) -> int:
    """Return where a buffer lies in memory; it must outlive the use of the address."""
    import ctypes

    return ctypes.addressof((ctypes.c_char * len(data)).from_buffer(data))


@dataclass
class World:
    """Makes namespaces with unique names and removes all of them."""

    prefix: str = field(default_factory=lambda: f"weir-{secrets.token_hex(3)}")
    spaces: list[Namespace] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def namespace(self, role: str, *, ipv6: bool = True) -> Namespace:
        """Make a namespace; ipv6=False: no neighbour discovery of its own accord."""
        space = Namespace(f"{self.prefix}-{role}")
        self.spaces.append(space)
        namespace.create(space.name)
        if not ipv6:
            for scope in ("all", "default"):
                space.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        return space

    def veth(
        self,
        left: Namespace,
        left_name: str,
        right: Namespace,
        right_name: str,
        *,
        queues: int = 1,
    ) -> None:
        """Join two namespaces by a veth pair, both ends up."""
        peer = {"ifname": right_name, "net_ns_fd": right.name}
        many = {"num_tx_queues": queues, "num_rx_queues": queues}
        # A veth whose peer has the same number in its namespace comes up a second late.
        index = 1000 + next(self.numbers)
        with left.netlink() as ip:
            ip.link(
                "add", ifname=left_name, kind="veth", index=index, peer=peer | many, **many
            )
        for space, interface in ((left, left_name), (right, right_name)):
            space.set_link(interface, state="up")
        for space, interface in ((left, left_name), (right, right_name)):
            wait_until(f"{interface} up", lambda s=space, i=interface: s.is_up(i))

    def pair(self, *, quiet: bool = False) -> tuple[Namespace, Namespace]:
        """Make `left` and `right`, joined left0 - right0.

        quiet: no IPv6 and no ARP, so that only frames of the test cross the wire; otherwise
        10.9.0.1/24 + fd09::1/64 and 10.9.0.2/24 + fd09::2/64.
        """
        left = self.namespace("left", ipv6=not quiet)
        right = self.namespace("right", ipv6=not quiet)
        self.veth(left, "left0", right, "right0")
        if not quiet:
            left.address("left0", "10.9.0.1/24", "fd09::1/64")
            right.address("right0", "10.9.0.2/24", "fd09::2/64")
        return left, right

    def destroy(self) -> None:
        while self.spaces:
            namespace.remove(self.spaces.pop().name)


@contextmanager
def world() -> Iterator[World]:
    """Open a world of namespaces and leave nothing behind."""
    made = World()
    try:
        yield made
    finally:
        made.destroy()


def wait_until(
    what: str, holds: Any, *, timeout_s: float = 30, step_s: float = 0.02
) -> Any:
    """Poll until holds() is truthy and return it; AssertionError says what did not come."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(step_s)


def names(spaces: Sequence[Namespace]) -> list[str]:
    return [space.name for space in spaces]
