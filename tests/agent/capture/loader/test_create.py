"""Programs brought in without an object: taken, refused, and why."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from agent.capture.loader import bpf, create
from agent.capture.loader.btf import Types

pytestmark = pytest.mark.root

RETURN_7 = struct.pack("<BBhi", 0xB7, 0, 0, 7) + struct.pack("<BBhi", 0x95, 0, 0, 0)
NO_RETURN_VALUE = struct.pack("<BBhi", 0x95, 0, 0, 0)


@pytest.mark.parametrize("kind", [create.XDP, create.SCHED_CLS])
def test_a_program_runs(kind: int):
    fd = create.program(create.Program("seven", kind, RETURN_7))
    assert bpf.run(fd)[0] == 7
    assert bpf.run(fd, repeat=3)[0] == 7
    os.close(fd)


@pytest.mark.parametrize(
    ("code", "words"),
    [(NO_RETURN_VALUE, "R0 !read_ok"), (RETURN_7[:8], "last insn"), (b"", "")],
)
def test_the_verifier_says_why(code: bytes, words: str):
    wanted = create.Program("wrong", create.XDP, code)
    with pytest.raises(OSError, match="program wrong"):
        create.program(wanted)
    assert words in create.verifier_log(wanted)


@pytest.mark.parametrize(
    ("kind", "sizes", "entries"),
    [
        (create.ARRAY, (8, 8), 4), (create.ARRAY, (4, 8), 0), (create.HASH, (4, 0), 4),
        (create.HASH, (0, 8), 4), (9999, (4, 8), 4),
    ],
)  # fmt: skip
def test_maps_that_cannot_be(kind: int, sizes: tuple[int, int], entries: int):
    with pytest.raises(OSError, match="map wrong") as failure:
        create.new_map("wrong", kind, sizes, entries)
    assert failure.value.errno in (errno.EINVAL, errno.E2BIG)


def test_types_go_in_and_junk_does_not():
    types = Types()
    types.integer(4)
    os.close(create.btf(types.blob()))
    with pytest.raises(OSError, match="load of BTF"):
        create.btf(b"junk")
