"""Which addresses are inside."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agent.sketch.places import NOBODY, PRIVATE, Networks
from wire.items import address_bytes


def inside(networks, *texts):
    table = np.frombuffer(b"".join(map(address_bytes, texts)), "u1").reshape(-1, 16)
    return Networks(networks).contains(table).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", True),
        ("11.0.0.1", False),
        ("172.15.255.255", False),
        ("172.16.0.0", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.255.1", True),
        ("169.254.1.1", True),
        ("8.8.8.8", False),
        ("fc00::1", True),
        ("fdff::1", True),
        ("fe80::1", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("2001:db8::1", False),
        ("::a00:1", False),
    ],
)
def test_private_and_link_local_addresses_are_inside(text, expected):
    assert inside(PRIVATE, text) == [expected]


def test_multicast_and_broadcast_are_nobodys():
    texts = ("224.0.0.251", "255.255.255.255", "0.0.0.0", "::", "ff02::1", "10.0.0.255")
    assert inside(NOBODY, *texts) == [True] * 5 + [False]


@given(st.ip_addresses().map(str), st.integers(0, 32), st.integers(0, 128))
def test_networks_agree_with_the_standard_library(text, short, long):
    address = ipaddress.ip_address(text)
    length = short if address.version == 4 else long
    near = ipaddress.ip_network((text, length), strict=False)
    far = ipaddress.ip_network("198.51.100.0/24")
    assert inside([str(near)], text) == [True]
    expected = address.version == 4 and address in far
    mapped = getattr(address, "ipv4_mapped", None)
    assert inside([str(far)], text) == [expected or (mapped is not None and mapped in far)]


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="example"):
        Networks(["example"])
