"""Items are canonical: the same text everywhere, or sketches do not merge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from wire.items import (
    address_bytes,
    address_text,
    address_texts,
    port_item,
    port_key,
    service,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8::0:1:0:0", "2001:db8::1:0:0"),
        ("::", "::"),
        ("fe80::1", "fe80::1"),
    ],
)
def test_addresses_are_dotted_or_rfc_5952(text, canonical):
    assert address_text(address_bytes(text)) == canonical


@given(
    st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), max_size=20)
)
def test_a_column_of_addresses_reads_as_each_by_itself(texts):
    packed = [address_bytes(text) for text in texts]
    rows = np.frombuffer(b"".join(packed), "u1").reshape(-1, 16)
    assert address_texts(rows) == [address_text(item) for item in packed]


@pytest.mark.parametrize(
    ("protocol", "port", "item", "name"),
    [
        (6, 443, "tcp/443", "https"),
        (17, 53, "udp/53", "domain"),
        (17, 40000, "udp/40000", "udp-other"),
        (1, 8 << 8, "icmp/8", "icmp"),
        (1, 3 << 8 | 1, "icmp/3", "icmp"),
        (58, 128 << 8, "icmpv6/128", "icmpv6"),
        (132, 80, "sctp/80", "http"),
        (47, 0, "ip/47", "ip-47"),
    ],
)
def test_ports_and_services(protocol, port, item, name):
    assert (port_item(protocol, port), service(protocol, port)) == (item, name)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 65535)), min_size=1, max_size=50)
)
def test_port_keys_are_equal_exactly_where_items_are(pairs):
    protocol, port = np.array(pairs).T
    keys = port_key(protocol.astype("u1"), port.astype("<u2")).tolist()
    items = [port_item(*pair) for pair in pairs]
    assert len(set(keys)) == len(set(items)) == len(set(zip(keys, items, strict=True)))
    assert [port_item(key >> 16, key & 0xFFFF) for key in keys] == items
