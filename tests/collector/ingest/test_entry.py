"""Journal entries."""

from __future__ import annotations

import contextlib
import dataclasses

import msgpack
import pytest
from hypothesis import given, strategies as st

from collector.ingest import entry
from collector.records import Arrival, Refused

NOW_NS = 1_795_000_000 * 1_000_000_000


def arrival(data: bytes, form: str = "msgpack", agent: str = "edge-001") -> Arrival:
    serial = "00" * 16 if form != "msgpack" else ""
    return Arrival(agent, NOW_NS, form, "identity", data, serial)


def test_the_journal_keeps_an_upload_as_it_came():
    one = arrival(b"\x00\xff", "framed")
    assert entry.unpack(entry.pack(one)) == one
    for data in (b"", b"\x01", b"\x91\x02", entry.pack(one)[:-1]):
        with pytest.raises(Refused):
            entry.unpack(data)


def test_an_entry_of_another_version_says_so():
    data = msgpack.packb((entry.VERSION + 1, *dataclasses.astuple(arrival(b"x"))))
    with pytest.raises(Refused) as refusal:
        entry.unpack(data)
    assert (refusal.value.status, str(refusal.value)) == (409, "journal entry of version 2")


@pytest.mark.parametrize("fields", [(), (1,), (1, "a"), (1, *range(20))])
def test_entries_of_another_shape(fields: tuple[object, ...]):
    with pytest.raises(Refused, match="not a journal entry"):
        entry.unpack(msgpack.packb(fields))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_or_refused(data: bytes):
    with contextlib.suppress(Refused):
        assert isinstance(entry.unpack(data), Arrival)
