from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from agent.ship.parcel import Parcel, pack, read, write
from wire import batch as batches, frame
from wire.errors import Malformed

PARCELS = st.builds(
    Parcel,
    agent=st.text(max_size=60),
    boot=st.binary(min_size=16, max_size=16),
    sequence=st.integers(0, 2**64 - 1),
    version=st.integers(0, 65535),
    endpoints=st.integers(0, 2**32 - 1),
    created_ns=st.integers(0, 2**64 - 1),
    coding=st.sampled_from(frame.CODINGS),
    body=st.binary(max_size=300),
)


@given(PARCELS)
def test_what_is_written_is_read(parcel):
    content, end = frame.unframe(write(parcel))
    assert read(content) == parcel
    assert end == len(write(parcel))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_parcel_or_malformed(data):
    with suppress(Malformed):
        assert isinstance(read(data), Parcel)


@pytest.mark.parametrize("coding", frame.CODINGS)
def test_a_batch_is_packed_with_its_address(coding):
    batch = batches.Batch("edge-7", bytes(16), 9, 5, 65, "0.1.0", "router")
    parcel = pack(batch, coding)
    assert (parcel.agent, parcel.boot, parcel.sequence) == ("edge-7", bytes(16), 9)
    assert (parcel.created_ns, parcel.endpoints, parcel.version) == (65, 0, 1)
    assert batches.decode(frame.decompress(parcel.body, parcel.coding)) == batch
    assert parcel.name == "00" * 16 + "-9"
