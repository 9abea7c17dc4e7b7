"""Every code point into every traffic class, in every kind of frame, on both back ends."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from agent.capture.layout import (
    BUCKET,
    CLASSES,
    DEAD_UNSHAPED,
    INTERFACE_LAYER3,
    INTERFACE_SHAPED,
    SHAPING,
    TX,
)
from agent.capture.loader import bpf
from tests.bpf.engine import SLOT, Engine, skb_context

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
MAC = bytes.fromhex("020000000a01020000000b02")
UNSPEC = 0xFFFFFFFF
OFF, KEEP, SET = 0, 1, 2
NEVER, ROOT = 2**63 - 1, 0x57450000
PAYLOAD = bytes(range(64))
SEGMENT, SEGMENTS = 500, 3  # of a merged frame: its last segment is shorter
PORT_OF_CLASS = 100


class Options(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p), ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32), ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p), ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32), ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32), ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32), ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32), ("batch_size", ctypes.c_uint32),
    )  # fmt: skip


CONTEXT = 192  # struct __sk_buff: priority is its ninth word
OUT = ctypes.create_string_buffer(2048)
CONTEXT_OUT = ctypes.create_string_buffer(CONTEXT)
PLAIN = skb_context()


@pytest.fixture
def shaped(loaded: Engine) -> Iterator[Engine]:
    """Every class has a port of its own: 100 and its number."""
    loaded.clear()
    ports = np.zeros(65536, np.uint8)
    ports[PORT_OF_CLASS : PORT_OF_CLASS + CLASSES] = range(CLASSES)
    loaded.kernel.set_classes(ports, np.zeros(64, np.uint8))
    loaded.watch(INTERFACE_SHAPED)
    for number in range(CLASSES):
        loaded.kernel.set_policer(SLOT, TX, number, np.zeros(1, BUCKET))
    yield loaded
    loaded.kernel.set_shaping(SLOT, TX, np.zeros(1, SHAPING))
    loaded.watch()
    loaded.clear()


def tell(engine: Engine, dscp: int, mode: int, **fields: int) -> None:
    """One code point for all classes."""
    row = np.zeros(1, SHAPING)
    row["root"], row["deadline_ns"], row["mode"] = ROOT, NEVER, mode
    row["marks"] = dscp
    for name, value in fields.items():
        row[name] = value
    engine.kernel.set_shaping(SLOT, TX, row)


def run(engine: Engine, frame: bytes, context: bytes = PLAIN) -> tuple[bytes, int, int]:
    """The frame that leaves, the program's word and the priority."""
    options = Options(
        sz=ctypes.sizeof(Options),
        data_in=frame,
        data_size_in=len(frame),
        data_out=ctypes.addressof(OUT),
        data_size_out=len(OUT),
        ctx_in=context,
        ctx_size_in=CONTEXT,
        ctx_out=ctypes.addressof(CONTEXT_OUT),
        ctx_size_out=CONTEXT,
    )
    program = engine.pinned.programs["weir_egress"]
    bpf.checked(bpf.library().bpf_prog_test_run_opts(program, ctypes.byref(options)), "run")
    (priority,) = struct.unpack_from("=I", CONTEXT_OUT, 32)
    return OUT.raw[: options.data_size_out], options.retval, priority


def folded(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ipv4(
    tos: int,
    options: bytes = b"",
    fragment: int = 0,
    body: bytes = PAYLOAD,
    protocol: int = 17,
) -> bytes:
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | length // 4, tos, length + len(body), 7, fragment, 64,
        protocol, 0, b"\x0a\0\0\1", b"\x0a\0\0\2",
    ) + options  # fmt: skip
    whole = head[:10] + struct.pack("!H", 0xFFFF ^ folded(head)) + head[12:]
    return whole + body


def ipv6(tos: int, body: bytes = PAYLOAD, protocol: int = 17) -> bytes:
    word = 6 << 28 | tos << 20 | 0xABCDE
    return struct.pack("!IHBB", word, len(body), protocol, 64) + bytes(range(32)) + body


def tags(*kinds: int) -> bytes:
    return b"".join(struct.pack("!HH", kind, 0x2001) for kind in kinds)


def pppoe(protocol: int, inner: bytes) -> bytes:
    head = struct.pack("!HBBHHH", 0x8864, 0x11, 0, 5, len(inner) + 2, protocol)
    return MAC + head + inner


V4, V6 = b"\x08\x00", b"\x86\xdd"
TCP = struct.pack("!HHIIBBHHH", 5000, 80, 1, 1, 0x50, 0x10, 512, 0, 0)
LARGE = TCP + bytes(SEGMENT * (SEGMENTS - 1) + 77)
FIRST_V6 = struct.pack("!BBHI", 17, 0, 1, 9) + PAYLOAD
LATER_V6 = struct.pack("!BBHI", 17, 0, 64 << 3, 9) + PAYLOAD
FRAMES = {
    "v4": lambda tos: MAC + V4 + ipv4(tos),
    "v4 with options": lambda tos: MAC + V4 + ipv4(tos, b"\x94\x04\0\0\x01\x01\x01\0"),
    "first fragment": lambda tos: MAC + V4 + ipv4(tos, fragment=0x2000),
    "later fragment": lambda tos: MAC + V4 + ipv4(tos, fragment=0x20B9),
    "first fragment v6": lambda tos: MAC + V6 + ipv6(tos, FIRST_V6, 44),
    "later fragment v6": lambda tos: MAC + V6 + ipv6(tos, LATER_V6, 44),
    "v6": lambda tos: MAC + V6 + ipv6(tos),
    "vlan v4": lambda tos: MAC + tags(0x8100) + V4 + ipv4(tos),
    "vlan v6": lambda tos: MAC + tags(0x8100) + V6 + ipv6(tos),
    "qinq v4": lambda tos: MAC + tags(0x88A8, 0x8100) + V4 + ipv4(tos),
    "qinq v6": lambda tos: MAC + tags(0x88A8, 0x8100) + V6 + ipv6(tos),
    "pppoe v4": lambda tos: pppoe(0x21, ipv4(tos)),
    "pppoe v6": lambda tos: pppoe(0x57, ipv6(tos)),
    "layer 3 v4": ipv4,
    "layer 3 v6": ipv6,
    "gso v4": lambda tos: MAC + V4 + ipv4(tos, body=LARGE, protocol=6),
    "gso v6": lambda tos: MAC + V6 + ipv6(tos, LARGE, 6),
    "gso vlan v4": lambda tos: MAC + tags(0x8100) + V4 + ipv4(tos, body=LARGE, protocol=6),
    "gso layer 3 v4": lambda tos: ipv4(tos, body=LARGE, protocol=6),
}


def context_of(name: str, frame: bytes) -> bytes:
    """A merged frame says so, and how long it is on the wire."""
    if not name.startswith("gso"):
        return PLAIN
    headers = len(frame) - len(LARGE) + len(TCP)
    return skb_context(SEGMENTS, SEGMENT, len(frame) + (SEGMENTS - 1) * headers)


@pytest.fixture(params=FRAMES)
def kind(request: pytest.FixtureRequest, shaped: Engine) -> str:
    name: str = request.param
    if "layer 3" in name:
        shaped.watch(INTERFACE_SHAPED | INTERFACE_LAYER3)
    return name


def every_mark(
    shaped: Engine, kind: str, mode: int, wanted: Callable[[int, int], int]
) -> None:
    """Every code point into every traffic class.

    The builder of the expected frame knows nothing of the program that rewrites.
    """
    expected = [FRAMES[kind](tos) for tos in range(256)]
    context = context_of(kind, expected[0])
    for dscp in range(64):
        tell(shaped, dscp, mode)
        for tos in range(256):
            left, word, _ = run(shaped, expected[tos], context)
            assert word == UNSPEC
            assert left == expected[wanted(dscp, tos)], (dscp, tos)


def test_every_code_point_into_every_traffic_class(shaped: Engine, kind: str) -> None:
    every_mark(shaped, kind, SET, lambda dscp, tos: dscp << 2 | tos & 3)


def test_a_mark_that_is_there_is_kept(shaped: Engine, kind: str) -> None:
    every_mark(shaped, kind, KEEP, lambda dscp, tos: tos if tos >> 2 else dscp << 2 | tos)


def test_marking_that_is_off_writes_nothing(shaped: Engine, kind: str) -> None:
    tell(shaped, 46, OFF)
    for tos in range(256):
        frame = FRAMES[kind](tos)
        assert run(shaped, frame, context_of(kind, frame))[0] == frame


def test_what_a_merged_frame_says_of_itself_stays(shaped: Engine) -> None:
    tell(shaped, 46, SET)
    frame = FRAMES["gso v4"](1)
    run(shaped, frame, context_of("gso", frame))
    (segments,) = struct.unpack_from("=I", CONTEXT_OUT, 164)
    (size,) = struct.unpack_from("=I", CONTEXT_OUT, 176)
    assert (segments, size) == (SEGMENTS, SEGMENT)
    assert shaped.sums()[TX]["seen"]["packets"] == SEGMENTS


@pytest.mark.parametrize("kept", range(35, 14, -1))
def test_a_cut_header_is_left_alone(shaped: Engine, kept: int) -> None:
    """Nothing is written unless the checksum could be put right."""
    frame = FRAMES["v4"](0)[:kept]
    tell(shaped, 46, SET)
    try:
        left, word, _ = run(shaped, frame)
    except OSError:
        assert kept < 34  # the kernel runs no program on such a frame
        return
    marked = FRAMES["v4"](46 << 2)[:kept]
    assert (left, word) == (frame if kept < 34 else marked, UNSPEC)


@pytest.mark.parametrize("other", [0x0806, 0x88CC, 0x8847])
def test_what_is_not_ip_is_left_alone(shaped: Engine, other: int) -> None:
    frame = MAC + other.to_bytes(2, "big") + PAYLOAD
    tell(shaped, 46, SET)
    assert run(shaped, frame)[0] == frame


def of_class(number: int) -> bytes:
    body = struct.pack("!HHHH", 40000, PORT_OF_CLASS + number, 8, 0)
    return MAC + V4 + ipv4(0, body=body)


@pytest.mark.parametrize("number", range(CLASSES - 1))
def test_the_class_chooses_the_leaf_and_the_deadline_the_branch(
    shaped: Engine, number: int
) -> None:
    fields: list[tuple[dict[str, Any], int]] = [
        ({}, 0x57450010 | number),
        ({"deadline_ns": 1}, 0x57450020 | number),
        ({"deadline_ns": 1, "dead": DEAD_UNSHAPED}, 0x57450000),
        ({"dead": DEAD_UNSHAPED}, 0x57450010 | number),
    ]
    for told, priority in fields:
        tell(shaped, 0, OFF, **told)
        assert run(shaped, of_class(number))[2] == priority


def test_each_class_has_its_own_mark(shaped: Engine) -> None:
    marks = np.arange(40, 40 + CLASSES, dtype=np.uint8)
    tell(shaped, 0, SET, marks=marks)
    left = [run(shaped, of_class(number))[0] for number in range(CLASSES - 1)]
    assert [frame[15] >> 2 for frame in left] == list(marks[:-1])


def test_past_the_deadline_nothing_is_marked(shaped: Engine) -> None:
    tell(shaped, 46, SET, deadline_ns=1)
    frame = FRAMES["v4"](0)
    assert run(shaped, frame)[0] == frame
