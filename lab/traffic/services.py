"""Which class of traffic lives on which port and which of the server's addresses."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

CLASSES: Final = ("voice", "video", "interactive", "web", "file", "background")


@dataclass(frozen=True)
class Service:
    """One thing that the server offers."""

    name: str
    traffic_class: str
    transport: Literal["tcp", "udp"]
    port: int
    address: int  # of the server's addresses, counted round
    dscp: int = 0  # what such programs mark their packets with

    def mark(self, endpoint: socket.socket) -> None:
        """Mark what a socket sends; a listener's mark is its connections' too."""
        if endpoint.family == socket.AF_INET6:
            endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, self.dscp << 2)
        else:
            endpoint.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self.dscp << 2)


SERVICES: Final = (
    Service("sip", "voice", "udp", 5060, 0),
    Service("rtp", "voice", "udp", 16384, 0, dscp=46),
    Service("segments", "video", "tcp", 1935, 1),
    Service("pages", "web", "tcp", 80, 2),
    Service("files", "file", "tcp", 8080, 3),
    Service("shell", "interactive", "tcp", 2222, 4, dscp=18),
    Service("names", "background", "udp", 53, 5),
    Service("clock", "background", "udp", 123, 5),
    Service("replica", "background", "tcp", 5432, 6),
)


@dataclass(frozen=True)
class Place:
    """Where the services are: the server's addresses, and what is added to every port."""

    addresses: tuple[str, ...]
    shift: int = 0

    def of(self, name: str) -> tuple[str, int]:
        """Return address and port of a service."""
        return self.at(service(name))

    def at(self, what: Service) -> tuple[str, int]:
        """Return address and port of a service."""
        return self.addresses[what.address % len(self.addresses)], what.port + self.shift

    def url(self, name: str, query: str) -> str:
        """Return the address of something on an HTTP service."""
        host, port = self.of(name)
        return (
            f"http://[{host}]:{port}/{query}"
            if ":" in host
            else f"http://{host}:{port}/{query}"
        )


def service(name: str) -> Service:
    """Return the service of this name."""
    return next(known for known in SERVICES if known.name == name)


def places(ipv4: Sequence[str], ipv6: Sequence[str], shift: int = 0) -> list[Place]:
    """Return one place for every address family that the server has. ValueError: none."""
    found = [Place(tuple(addresses), shift) for addresses in (ipv4, ipv6) if addresses]
    if not found:
        raise ValueError("no server address: give --ipv4 or --ipv6")
    return found
