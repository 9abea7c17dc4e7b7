"""A message is read with bounds, or refused with a reason."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest
from hypothesis import given, strategies as st

from wire import messages
from wire.errors import Malformed


@given(st.binary(max_size=200))
def test_any_bytes_are_a_map_or_malformed(data):
    try:
        message = messages.load(data)
    except Malformed:
        return
    assert all(isinstance(key, str) for key in message)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x81\x01\x02",
        b"\x81\xa1a\xc7\x01\x05x",
        b"\x81\xa1a\xd6\xff\0\0\0\0",
        b"\x81\xa1\xff\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a" + b"\x91" * 5000,
        b"\x80\x80",
        messages.dump({"a": list(range(messages.MAX_ITEMS + 1))}),
        messages.dump({"a": "x" * (messages.MAX_TEXT + 1)}),
    ],
)
def test_what_is_no_short_map_is_refused(data):
    with pytest.raises(Malformed):
        messages.load(data)


def test_forged_lengths_cost_no_memory():
    nest = b"\x81\xa1a" + b"\xdc\x02\x00" * 900
    tracemalloc.start()
    with pytest.raises(Malformed):
        messages.load(nest)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (messages.whole, -1),
        (messages.whole, 2**64 - 1 + 1.0),
        (messages.whole, True),
        (messages.whole, None),
        (messages.flag, 1),
        (messages.text, b"a"),
        (messages.binary, "a"),
        (messages.sequence, {}),
        (messages.mapping, []),
        (messages.mapping, {1: 2}),
        (messages.measures, {"a": float("nan")}),
        (messages.measures, {"a": True}),
        (messages.measures, {"a": []}),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(read, value):
    with pytest.raises(Malformed, match="key"):
        read({"key": value}, "key")


def test_rows_and_texts_have_their_length():
    assert messages.whole_row({"a": [1, 2, 3]}, "a", 3) == (1, 2, 3)
    assert messages.texts({"a": ["x"]}, "a", 1) == ("x",)
    assert messages.binary({"a": b"xy"}, "a", 2) == b"xy"
    for call in (
        lambda: messages.whole_row({"a": [1, 2]}, "a", 3),
        lambda: messages.whole_row({"a": [1, 2, -3]}, "a", 3),
        lambda: messages.texts({"a": ["x", 1]}, "a", 2),
        lambda: messages.texts({"a": ["x", "y"]}, "a", 1),
        lambda: messages.binary({"a": b"x"}, "a", 2),
    ):
        with pytest.raises(Malformed):
            call()


def test_too_large_a_body_is_refused_unread(monkeypatch):
    monkeypatch.setattr(messages, "MAX_BODY", 10)
    with pytest.raises(Malformed, match="at most 10"):
        messages.load(msgpack.packb({"a": "0123456789"}))
