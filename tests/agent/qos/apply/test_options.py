from __future__ import annotations

import struct

import pytest
from hypothesis import given, strategies as st

from agent.qos import queues
from agent.qos.apply.options import (
    Unreadable,
    attribute,
    attributes,
    decode_class,
    decode_qdisc,
    encode_class,
    encode_qdisc,
)
from agent.qos.tree import ROOT, Class, Qdisc

HTB = (("default", 0x20), ("direct_packets", 1000), ("r2q", 10))
KINDS = {"htb": HTB} | {
    kind: queues.leaf_options(kind, 600_000, 20_000_000, 1514) for kind in queues.LEAF_KINDS
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_is_read(kind):
    qdisc = Qdisc("wan", ROOT, 0x57450000, kind, KINDS[kind])
    assert decode_qdisc(kind, encode_qdisc(qdisc, is_change=False)) == KINDS[kind]


def test_htb_as_the_kernel_showed_it():
    """Bytes of a dump of kernel 6.18."""
    data = bytes.fromhex(
        "18000200 11000300 0a000000 20000000 00000000 00000000 08000500 e8030000"
    )
    assert decode_qdisc("htb", data) == HTB


def test_a_class_as_the_kernel_showed_it():
    data = bytes.fromhex(
        "30000100 0001120000004000 90d00300 0001120000004000 a0252600"
        "093d0000 093d0000 ea050000 00000000 01000000"
    )
    assert decode_class("wan", 0x57450011, 0x57450001, data) == Class(
        "wan",
        0x57450011,
        0x57450001,
        2_000_000,
        20_000_000,
        1_000_000,
        1_000_000,
        1514,
        1,
        18,
        64,
    )


@pytest.mark.parametrize("raw", [0, 1])
def test_a_cake_counts_whole_frames_only_when_told_to(raw):
    """Without the flag it leaves out the link header, which HTB counts."""
    options = dict(queues.cake_options(20_000_000, 1, 5, overhead_bytes=18))
    assert options["raw"] == 1
    wanted = tuple(sorted((options | {"raw": raw}).items()))
    qdisc = Qdisc("wan", ROOT, 0x57450000, "cake", wanted)
    assert decode_qdisc("cake", encode_qdisc(qdisc, is_change=False)) == wanted


rates = st.integers(1, 10**11).map(lambda step: step * 8)


@given(rates, rates, st.integers(1, 2**31), st.integers(0, 255), st.booleans())
def test_classes_survive(rate, ceil, burst, overhead, is_atm):
    one = Class(
        "wan",
        0x57450011,
        0x57450001,
        rate,
        ceil,
        burst * 64,
        64,
        3028,
        3,
        overhead,
        64,
        is_atm,
    )
    assert decode_class("wan", one.handle, one.parent, encode_class(one)) == one


def test_an_inner_class_has_no_quantum_of_its_own():
    one = Class("wan", 0x57450001, 0x57450000, 8000, 8000, 64, 64)
    assert decode_class("wan", one.handle, one.parent, encode_class(one)) == one


def test_flows_of_fq_codel_are_set_once():
    qdisc = Qdisc("wan", ROOT, 1 << 16, "fq_codel", KINDS["fq_codel"])
    new, changed = (encode_qdisc(qdisc, is_change=change) for change in (False, True))
    assert attributes(new).keys() - attributes(changed).keys() == {5}


def test_a_strangers_options_pass_untouched():
    qdisc = Qdisc("wan", ROOT, 1 << 16, "tbf", raw="00ff10")
    assert encode_qdisc(qdisc, is_change=False) == b"\x00\xff\x10"
    assert encode_qdisc(Qdisc("wan", ROOT, 0, "clsact"), is_change=False) == b""


def shown(us: int) -> int:
    """A time of codel as the kernel keeps it, in units of 1.024 us, and shows it."""
    return ((us * 1000 >> 10) << 10) // 1000


@given(st.integers(1, 2_000_000), st.sampled_from([("fq_codel", 3, 7), ("codel", 3, 5)]))
def test_a_strangers_times_come_back_as_they_were_shown(us, kind_and_times):
    kind, *later = kind_and_times
    raw = b"".join(
        attribute(number, struct.pack("=I", shown(us))) for number in (1, 2, *later)
    )
    given_back = encode_qdisc(
        Qdisc("wan", ROOT, 1 << 16, kind, raw=raw.hex()), is_change=False
    )
    found = {
        n: struct.unpack("=I", value)[0] for n, value in attributes(given_back).items()
    }
    assert {shown(found[number]) for number in (1, *later)} == {shown(us)}
    assert found[2] == shown(us), "not a time"


def test_attributes_are_padded():
    assert attribute(3, b"abcde") == struct.pack("=HH", 9, 3) + b"abcde\0\0\0"
    assert attributes(attribute(3, b"abcde") + attribute(4, b"")) == {3: b"abcde", 4: b""}


@given(st.sampled_from([*KINDS, "tbf"]), st.binary(max_size=80))
def test_garbage_is_read_or_refused(kind, data):
    try:
        decode_qdisc(kind, data)
        decode_class("wan", 1, 0, data)
    except Unreadable:
        pass


def test_kinds_that_are_not_made():
    qdisc = Qdisc("wan", ROOT, 1 << 16, "red", (("limit", 1),))
    with pytest.raises(Unreadable, match="red is not one that Weir makes"):
        encode_qdisc(qdisc, is_change=False)
