"""A batch comes back as it went; anything else is Malformed, and nothing else is raised."""

from __future__ import annotations

import random
from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.campaigns import count
from tests.wire import samples
from wire.batch import (
    MAX_ENDPOINTS,
    NO_ENDPOINTS,
    Batch,
    Direction,
    Endpoints,
    Malformed,
    UnknownVersion,
    Volume,
    decode,
    encode,
)
from wire.schema import CLASS_NAMES, ENDPOINT, ENDPOINT_FIELDS, ENDPOINT_SKETCHES, FLOW

WHOLE = st.integers(0, 2**64 - 1)
VOLUMES = st.builds(Volume, WHOLE, WHOLE, WHOLE)
DIRECTIONS = st.builds(
    Direction,
    *[VOLUMES] * 6,
    classes=st.dictionaries(st.sampled_from(CLASS_NAMES), VOLUMES),
)


@st.composite
def endpoints(draw):
    ids = tuple(draw(st.lists(st.text(max_size=20), unique=True, max_size=4)))
    totals = np.zeros(len(ids), ENDPOINT)
    for field in ENDPOINT_FIELDS:
        most = st.integers(0, int(np.iinfo(field.dtype).max))
        numbers = st.lists(most, min_size=totals[field.name].size, max_size=1000)
        flat = draw(numbers)[: totals[field.name].size]
        totals[field.name] = np.array(flat, "<u8").reshape(totals[field.name].shape)
    sizes = {
        name: 8 if kind == "count_min" else None for name, kind in ENDPOINT_SKETCHES.items()
    }
    return Endpoints(
        ids,
        totals,
        {
            name: tuple(
                draw(st.binary(min_size=size or 0, max_size=size or 9)) for _ in ids
            )
            for name, size in sizes.items()
        },
    )


BATCHES = st.builds(
    Batch,
    agent=st.text(max_size=20),
    boot=st.binary(min_size=16, max_size=16),
    sequence=WHOLE,
    start_ns=st.just(5),
    end_ns=st.integers(5, 2**64 - 1),
    agent_version=st.text(max_size=9),
    hostname=st.text(max_size=9),
    endpoints=endpoints(),
    flows=st.binary(max_size=5 * FLOW.itemsize).map(
        lambda data: np.frombuffer(data[: len(data) // FLOW.itemsize * FLOW.itemsize], FLOW)
    ),
    quantiles=st.dictionaries(st.text(max_size=9), st.binary(max_size=9), max_size=3),
    health=st.dictionaries(
        st.text(max_size=9),
        st.one_of(
            WHOLE, st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=9)
        ),
        max_size=3,
    ),
)


@given(BATCHES, DIRECTIONS, DIRECTIONS)
def test_batches_come_back(batch, rx, tx):
    link = replace(samples.batch().interfaces[0], rx=rx, tx=tx)
    batch = replace(batch, interfaces=(link,))
    data = encode(batch)
    assert decode(data) == batch
    assert encode(decode(data)) == data


def test_the_sample_comes_back_and_differs_from_others():
    batch = samples.batch()
    assert decode(encode(batch)) == batch
    assert batch != replace(batch, sequence=43)
    assert batch != replace(batch, flows=batch.flows[:1])
    assert batch.endpoints != NO_ENDPOINTS


def altered(path: tuple[object, ...], value: object) -> bytes:
    """Return the sample with one value of its message replaced, or taken out for `del`."""
    message = msgpack.unpackb(encode(samples.batch()))
    inner = message
    for step in path[:-1]:
        inner = inner[step]
    if value is del_:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return msgpack.packb(message)


del_ = object()


def test_unknown_keys_are_ignored_everywhere():
    batch = samples.batch()
    for path in (
        ("new",),
        ("interfaces", 0, "new"),
        ("interfaces", 0, "rx", "new"),
        ("interfaces", 0, "rx", "classes", "new"),
        ("endpoints", "new"),
        ("endpoints", "sketches", "new"),
        ("flows", "new"),
    ):
        assert decode(altered(path, [1, {"a": b"b"}])) == batch


@pytest.mark.parametrize("version", [0, 2, 2**32])
def test_another_version_is_refused_by_name(version):
    with pytest.raises(UnknownVersion) as caught:
        decode(altered(("version",), version))
    assert (caught.value.version, caught.value.understood) == (version, (1,))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "1"),
        (("version",), True),
        (("boot",), b"short"),
        (("sequence",), -1),
        (("end_ns",), 0),
        (("agent",), b"bytes"),
        (("agent",), "x" * 2000),
        (("interfaces",), [1]),
        (("interfaces", 0, "rx", "seen"), [1, 2]),
        (("interfaces", 0, "rx", "seen"), [1, 2, 1.5]),
        (("interfaces", 0, "is_up"), 1),
        (("interfaces", 0, "rx", "classes", "video"), [1]),
        (("interfaces",), [{}] * 300),
        (("endpoints", "count"), 2),
        (("endpoints", "count"), 4),
        (("endpoints", "count"), MAX_ENDPOINTS + 1),
        (("endpoints", "ids"), [b"\1\1\1", b"aab"]),
        (("endpoints", "ids"), [b"\1\1\1", b"\xff\xfea"]),
        (("endpoints", "ids"), [b"\1\1\1"]),
        (("endpoints", "ids"), ["a", "b"]),
        (("endpoints", "bytes_in"), b"\1\2"),
        (("endpoints", "active_hours"), b"\xff" * 24),
        (("endpoints", "sketches", "unique_peers"), [b"\1\1\1", b"four"]),
        (("endpoints", "sketches", "port_frequency"), [b"\1\2\1", b"four"]),
        (("flows", "count"), 2**20),
        (("flows", "source"), b""),
        (("quantiles", "rtt"), "text"),
        (("quantiles",), {str(n): b"" for n in range(65)}),
        (("health", "uptime_seconds"), float("inf")),
        (("health", "uptime_seconds"), None),
    ],
)
def test_wrong_values_are_malformed(path, value):
    with pytest.raises(Malformed):
        decode(altered(path, value))


@pytest.mark.parametrize("key", list(msgpack.unpackb(encode(samples.batch()))))
def test_every_key_is_needed(key):
    with pytest.raises(Malformed):
        decode(altered((key,), del_))


def test_every_truncation_is_malformed():
    data = encode(samples.batch())
    for end in [*range(400), *range(400, len(data), 37)]:
        with pytest.raises(Malformed):
            decode(data[:end])


@given(st.binary(max_size=300))
def test_any_bytes_are_malformed(data):
    with pytest.raises(Malformed):
        decode(data)


@pytest.mark.campaign
def test_mutations_are_read_or_malformed():
    """Invariant: decode returns a batch that encodes, or raises Malformed."""
    source, data = random.Random(7), encode(samples.batch())
    outcomes = {"read": 0, "refused": 0}
    for _ in range(count(3_000, 300_000)):
        mutant = bytearray(data)
        for _ in range(source.choice((1, 1, 2, 8))):
            place = source.randrange(len(mutant))
            cut = source.choice((0, 0, 1, 5))
            mutant[place : place + cut] = source.randbytes(source.choice((0, 1, 1, 4)))
            mutant[min(place, len(mutant) - 1)] ^= 1 << source.randrange(8)
        try:
            encode(decode(bytes(mutant)))
            outcomes["read"] += 1
        except Malformed:
            outcomes["refused"] += 1
    assert outcomes["read"] > 100
    assert outcomes["refused"] > 100
