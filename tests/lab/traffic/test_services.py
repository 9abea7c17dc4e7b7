from __future__ import annotations

import pytest

from lab.traffic.drive import KINDS
from lab.traffic.services import CLASSES, SERVICES, Place, places


def test_every_class_has_a_service_and_a_session() -> None:
    assert {service.traffic_class for service in SERVICES} == set(CLASSES)
    assert {kind.traffic_class for kind in KINDS} == set(CLASSES)
    assert sum(kind.share for kind in KINDS) <= 1


def test_no_two_services_share_a_port() -> None:
    places_taken = [(service.transport, service.port) for service in SERVICES]
    assert len(set(places_taken)) == len(places_taken)


@pytest.mark.parametrize(
    ("addresses", "name", "address"),
    [
        (("a",), "files", ("a", 8080)),
        (("a", "b"), "files", ("b", 8080)),
        (("a", "b", "c", "d", "e"), "files", ("d", 8080)),
    ],
)
def test_addresses_are_counted_round(
    addresses: tuple[str, ...], name: str, address: tuple[str, int]
) -> None:
    assert Place(addresses).of(name) == address


def test_urls_know_both_families() -> None:
    four, six = places(["10.0.0.1"], ["fd00::1"], 1)
    assert four.url("pages", "?x=1") == "http://10.0.0.1:81/?x=1"
    assert six.url("pages", "") == "http://[fd00::1]:81/"
    with pytest.raises(ValueError, match="--ipv4 or --ipv6"):
        places([], [])
