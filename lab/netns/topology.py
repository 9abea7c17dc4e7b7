"""What the lab ought to look like: namespaces, links, addresses and routes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_PREFIX = 12
"""Bridge ports and namespaces are named after it; interface names end at 15 characters."""

MOST_HOSTS = 32
"""Each host is a namespace and a traffic process of some 40 MB."""

SERVER_ADDRESSES = 8
"""The server answers on several addresses, so that endpoints differ by what they serve."""


@dataclass(frozen=True)
class End:
    """One end of a link; bridge: the port belongs to it and carries no address."""

    space: str
    interface: str
    mac: str
    addresses: tuple[str, ...] = ()
    bridge: str = ""


@dataclass(frozen=True)
class Host:
    """A client of the lab and the addresses that it speaks from."""

    space: str
    ipv4: str
    ipv6: str


@dataclass(frozen=True)
class Topology:
    """client(s) - [switch] - router - server, joined by veth pairs."""

    prefix: str
    spaces: tuple[str, ...]
    links: tuple[tuple[End, End], ...]
    bridges: tuple[tuple[str, str], ...]  # namespace, bridge
    routes: tuple[tuple[str, str, str], ...]  # namespace, destination, gateway
    sysctls: tuple[tuple[str, str, int], ...]  # namespace, key, value
    router: str
    server: str
    hosts: tuple[Host, ...] = field(default=())

    @property
    def server_ipv4(self) -> tuple[str, ...]:
        """Addresses that the server answers on."""
        return tuple(f"10.80.2.{10 + number}" for number in range(SERVER_ADDRESSES))

    @property
    def server_ipv6(self) -> tuple[str, ...]:
        """Addresses that the server answers on."""
        return tuple(f"fd80:2::{10 + number:x}" for number in range(SERVER_ADDRESSES))


def design(prefix: str = "weir-demo", hosts: int = 1) -> Topology:
    """Lay out the lab: one client joins the router directly, more of them through a switch.

    ValueError when the prefix or the number of hosts cannot be had.
    """
    if not 1 <= len(prefix) <= LONGEST_PREFIX or not prefix.replace("-", "").isalnum():
        raise ValueError(
            f"prefix {prefix!r}: 1 to {LONGEST_PREFIX} letters, digits, hyphens"
        )
    if not 1 <= hosts <= MOST_HOSTS:
        raise ValueError(f"hosts {hosts}: 1 to {MOST_HOSTS}")
    router, server, switch = (f"{prefix}-{role}" for role in ("router", "server", "switch"))
    clients = tuple(_host(prefix, number) for number in range(hosts))
    switched = hosts > 1
    base = Topology(prefix, (), (), (), (), (), router, server, clients)
    lan = End(router, "lan0", _mac(1, 0), ("10.80.1.1/24", "fd80:1::1/64"))
    wan = End(router, "wan0", _mac(2, 0), ("10.80.2.1/24", "fd80:2::1/64"))
    outside = tuple(f"{address}/24" for address in base.server_ipv4)
    outside += tuple(f"{address}/64" for address in base.server_ipv6)
    links = [(wan, End(server, "eth0", _mac(2, 1), outside))]
    if switched:
        links.append((lan, End(switch, "uplink", _mac(3, 0), bridge="br0")))
    for number, host in enumerate(clients):
        near = End(
            host.space, "eth0", _mac(1, 1 + number), (f"{host.ipv4}/24", f"{host.ipv6}/64")
        )
        port = End(switch, f"port{number}", _mac(3, 1 + number), bridge="br0")
        links.append((near, port if switched else lan))
    routes = [(server, "default", "10.80.2.1"), (server, "default", "fd80:2::1")]
    for host in clients:
        routes += [
            (host.space, "default", "10.80.1.1"),
            (host.space, "default", "fd80:1::1"),
        ]
    return Topology(
        prefix=prefix,
        spaces=(
            router,
            server,
            *([switch] if switched else []),
            *(h.space for h in clients),
        ),
        links=tuple(links),
        bridges=((switch, "br0"),) if switched else (),
        routes=tuple(routes),
        sysctls=((router, "ipv4/ip_forward", 1), (router, "ipv6/conf/all/forwarding", 1)),
        router=router,
        server=server,
        hosts=clients,
    )


def _host(prefix: str, number: int) -> Host:
    role = "client" if number == 0 else f"host{number + 1}"
    return Host(f"{prefix}-{role}", f"10.80.1.{10 + number}", f"fd80:1::{10 + number:x}")


def _mac(net: int, number: int) -> str:
    """Return a locally administered address that is the same in every run."""
    return f"02:57:45:00:{net:02x}:{number:02x}"
