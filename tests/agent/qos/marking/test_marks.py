"""Every code point into every traffic class, in every kind of frame, in the kernel."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest

from agent.capture.loader import bpf
from tests.shared_data import REPOSITORY

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
MAC = bytes.fromhex("020000000a01020000000b02")
UNSPEC = 0xFFFFFFFF
OFF, KEEP, SET = 0, 1, 2
PAYLOAD = bytes(range(64))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    clang = shutil.which("clang-14") or shutil.which("clang")
    if clang is None:
        pytest.fail("clang is not installed: make setup installs it")
    built = tmp_path_factory.mktemp("marking") / "mark.bpf.o"
    triplet = sysconfig.get_config_var("MULTIARCH")
    subprocess.run(
        [clang, "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
         "-target", "bpf", "-mcpu=v3", f"-I/usr/include/{triplet}",
         f"-I{REPOSITORY / 'bpf'}", "-c", Path(__file__).parent / "mark.bpf.c",
         "-o", built],
        check=True, timeout=60,
    )  # fmt: skip
    library = bpf.library()
    library.bpf_object__open_file.restype = ctypes.c_void_p
    library.bpf_object__find_program_by_name.restype = ctypes.c_void_p
    opened = ctypes.c_void_p(library.bpf_object__open_file(os.fsencode(built), None))
    bpf.checked(library.bpf_object__load(opened), "load")
    found = library.bpf_object__find_program_by_name(opened, b"mark")
    yield library.bpf_program__fd(ctypes.c_void_p(found))
    library.bpf_object__close(opened)


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


CONTEXT = 192  # struct __sk_buff; mark is its third word, priority the ninth
OUT = ctypes.create_string_buffer(2048)
CONTEXT_OUT = ctypes.create_string_buffer(CONTEXT)


def run(program, frame, mark):
    """Return the frame that leaves, the program's word and the priority."""
    context = bytearray(CONTEXT)
    struct.pack_into("=I", context, 8, mark)
    options = Options(
        sz=ctypes.sizeof(Options),
        data_in=frame,
        data_size_in=len(frame),
        data_out=ctypes.addressof(OUT),
        data_size_out=len(OUT),
        ctx_in=bytes(context),
        ctx_size_in=CONTEXT,
        ctx_out=ctypes.addressof(CONTEXT_OUT),
        ctx_size_out=CONTEXT,
    )
    bpf.checked(bpf.library().bpf_prog_test_run_opts(program, ctypes.byref(options)), "run")
    (priority,) = struct.unpack_from("=I", CONTEXT_OUT, 32)
    return OUT.raw[: options.data_size_out], options.retval, priority


def folded(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ipv4(tos, options=b"", fragment=0):
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | length // 4, tos, length + len(PAYLOAD), 7, fragment, 64,
        17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2",
    ) + options  # fmt: skip
    whole = head[:10] + struct.pack("!H", 0xFFFF ^ folded(head)) + head[12:]
    return whole + PAYLOAD


def ipv6(tos):
    word = 6 << 28 | tos << 20 | 0xABCDE
    return struct.pack("!IHBB", word, len(PAYLOAD), 17, 64) + bytes(range(32)) + PAYLOAD


def tags(*kinds):
    return b"".join(struct.pack("!HH", kind, 0x2001) for kind in kinds)


def pppoe(protocol, inner):
    head = struct.pack("!HBBHHH", 0x8864, 0x11, 0, 5, len(inner) + 2, protocol)
    return MAC + head + inner


V4, V6 = b"\x08\x00", b"\x86\xdd"
FRAMES = {
    "v4": lambda tos: MAC + V4 + ipv4(tos),
    "v4 with options": lambda tos: MAC + V4 + ipv4(tos, b"\x94\x04\0\0\x01\x01\x01\0"),
    "first fragment": lambda tos: MAC + V4 + ipv4(tos, fragment=0x2000),
    "later fragment": lambda tos: MAC + V4 + ipv4(tos, fragment=0x20B9),
    "v6": lambda tos: MAC + V6 + ipv6(tos),
    "vlan v4": lambda tos: MAC + tags(0x8100) + V4 + ipv4(tos),
    "vlan v6": lambda tos: MAC + tags(0x8100) + V6 + ipv6(tos),
    "qinq v4": lambda tos: MAC + tags(0x88A8, 0x8100) + V4 + ipv4(tos),
    "qinq v6": lambda tos: MAC + tags(0x88A8, 0x8100) + V6 + ipv6(tos),
    "pppoe v4": lambda tos: pppoe(0x21, ipv4(tos)),
    "pppoe v6": lambda tos: pppoe(0x57, ipv6(tos)),
    "layer 3 v4": ipv4,
    "layer 3 v6": ipv6,
}


def flags(name, dscp, mode):
    return dscp | mode << 8 | name.startswith("layer 3") << 16


@pytest.mark.parametrize("name", FRAMES)
def test_every_code_point_into_every_traffic_class(program, name):
    """The builder of the expected frame knows nothing of the program that rewrites."""
    make = FRAMES[name]
    expected = {tos: make(tos) for tos in range(256)}
    for dscp in range(64):
        for tos in range(256):
            left, word, _ = run(program, expected[tos], flags(name, dscp, SET))
            assert word == UNSPEC
            assert left == expected[dscp << 2 | tos & 3], (dscp, tos)


@pytest.mark.parametrize("name", FRAMES)
def test_a_mark_that_is_there_is_kept(program, name):
    make = FRAMES[name]
    for dscp in (0, 1, 34, 46, 63):
        for tos in range(256):
            left, _, _ = run(program, make(tos), flags(name, dscp, KEEP))
            wanted = tos if tos >> 2 else dscp << 2 | tos
            assert left == make(wanted), (dscp, tos)
            left, _, _ = run(program, make(tos), flags(name, dscp, OFF))
            assert left == make(tos)


@pytest.mark.parametrize("kept", range(34, 14, -1))
def test_a_header_that_is_cut_is_left_alone(program, kept):
    """Nothing is written unless the checksum could be put right."""
    frame = FRAMES["v4"](0)[:kept]
    try:
        left, word, _ = run(program, frame, flags("v4", 46, SET))
    except OSError:
        assert kept < 34  # the kernel runs no program on such a frame
        return
    assert (left == frame) == bool(word != UNSPEC)


@pytest.mark.parametrize("other", [0x0806, 0x88CC, 0x8847])
def test_what_is_not_ip_is_left_alone(program, other):
    frame = MAC + other.to_bytes(2, "big") + PAYLOAD
    assert run(program, frame, flags("", 46, SET))[0] == frame


@pytest.mark.parametrize("number", range(7))
def test_the_class_chooses_the_leaf_and_the_deadline_the_branch(program, number):
    frame = FRAMES["v4"](0)
    alive, dead = 1 << 18, 0
    assert run(program, frame, number << 24 | alive)[2] == 0x57450010 | number
    assert run(program, frame, number << 24 | dead)[2] == 0x57450020 | number
