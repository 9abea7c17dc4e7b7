"""Which class of traffic lives on which port and which of the server's addresses."""

from __future__ import annotations

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


SERVICES: Final = (
    Service("sip", "voice", "udp", 5060, 0),
    Service("rtp", "voice", "udp", 16384, 0),
    Service("segments", "video", "tcp", 1935, 1),
    Service("pages", "web", "tcp", 80, 2),
    Service("files", "file", "tcp", 8080, 3),
    Service("shell", "interactive", "tcp", 2222, 4),
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
        service = next(service for service in SERVICES if service.name == name)
        return self.at(service)

    def at(self, service: Service) -> tuple[str, int]:
        """Return address and port of a service."""
        return self.addresses[
            service.address % len(self.addresses)
        ], service.port + self.shift

    def url(self, name: str, query: str) -> str:
        """Return the address of something on an HTTP service."""
        host, port = self.of(name)
        return (
            f"http://[{host}]:{port}/{query}"
            if ":" in host
            else f"http://{host}:{port}/{query}"
        )


def places(ipv4: Sequence[str], ipv6: Sequence[str], shift: int = 0) -> list[Place]:
    """Return one place for every address family that the server has. ValueError: none."""
    found = [Place(tuple(addresses), shift) for addresses in (ipv4, ipv6) if addresses]
    if not found:
        raise ValueError("no server address: give --ipv4 or --ipv6")
    return found
