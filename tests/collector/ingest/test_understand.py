"""Every form of upload: understood, or refused; nothing else, whatever the bytes."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, strategies as st

from collector.ingest.understand import read
from collector.pipeline import understand_arrival
from collector.records import Accepted, Arrival, Refused
from tests.collector.support import batch
from wire.batch import encode

NOW_NS = 1_795_000_000 * 1_000_000_000
GOOD = encode(batch(3, end=NOW_NS / 1e9, hosts=2, heavy=2))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def arrival(data: bytes, form: str = "msgpack", agent: str = "edge-001") -> Arrival:
    serial = "00" * 16 if form != "msgpack" else ""
    return Arrival(agent, NOW_NS, form, "identity", data, serial)


def outcome(data: bytes, form: str) -> Accepted | int:
    try:
        return understand_arrival(arrival(data, form), 1 << 20)
    except Refused as refusal:
        return refusal.status if "\n" not in str(refusal) else -1


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=6))
def test_damaged_batches(place: int, junk: bytes):
    data = GOOD[:place] + junk + GOOD[place + len(junk) :]
    found = outcome(data, "msgpack")
    if isinstance(found, int):
        assert found in (400, 409)
    else:
        assert {part.table for part in found.rows} >= {"batches", "sketches", "flows"}


@given(st.binary(max_size=200), st.sampled_from(("msgpack", "json", "framed")))
def test_any_bytes(data: bytes, form: str):
    found = outcome(data, form)
    assert isinstance(found, Accepted) or found in (400, 409)


@given(st.dictionaries(st.sampled_from(("switch_id", "sketches", "sketch_count")), JSON))
def test_any_json(message: dict[str, object]):
    found = outcome(json.dumps(message).encode(), "json")
    assert isinstance(found, Accepted) or found == 400


@given(
    st.dictionaries(
        st.sampled_from(("endpoint_id", "bytes_in", "unique_peers", "active_hours")), JSON
    )
)
def test_any_sketch(sketch: dict[str, object]):
    data = json.dumps({"switch_id": "a", "sketches": [{"endpoint_id": "x", **sketch}]})
    found = outcome(data.encode(), "json")
    assert isinstance(found, Accepted) or found == 400


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sequence": 0}, "begins at 1"),
        ({"sequence": 2**63}, "ends at"),
        ({"agent": "a\nb"}, "printable"),
        ({"agent": "a" * 129}, "printable"),
    ],
)
def test_what_the_codec_leaves_open(change: dict[str, object], reason: str):
    data = encode(dataclasses.replace(batch(1), **change))
    with pytest.raises(Refused, match=reason):
        read(arrival(data), 1 << 20)


def test_an_unknown_version_says_what_is_known():
    with pytest.raises(Refused) as refusal:
        read(arrival(GOOD.replace(b"\xa7version\x01", b"\xa7version\x02")), 1 << 20)
    assert (refusal.value.status, refusal.value.facts) == (409, {"understood": [1]})
