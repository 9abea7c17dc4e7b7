"""The prebuilt object: loaded with sizes and maps of the caller, or refused and why."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from agent.capture import layout
from agent.capture.loader import bpf, libbpf
from agent.capture.loader.libbpf import PROGRAMS, Loaded, Refused, reason_of
from tests.agent.capture.conftest import SIZES
from tests.bpf.engine import OBJECT


def close(loaded: Loaded) -> None:
    for fd in (*loaded.maps.values(), *loaded.programs.values()):
        os.close(fd)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", "no reason given"),
        ("\n  \n", "no reason given"),
        ("libbpf: failed to open\nlibbpf: more", "failed to open"),
        ("0: r1\nR0 !read_ok\nprocessed 3 insns (limit 1)", "R0 !read_ok"),
        (
            "invalid mem access\nverification time 9 usec\nstack depth 0\n"
            "processed 3 insns (limit 1)\nlibbpf: prog: failed",
            "invalid mem access",
        ),
        ("processed 0 insns (limit 1)", "processed 0 insns (limit 1)"),
        ("verification time 9 usec\nprocessed 7 insns", "processed 7 insns"),
    ],
)
def test_the_reason_in_a_log(log: str, reason: str):
    assert reason_of(log) == reason


def test_no_object():
    with pytest.raises(FileNotFoundError, match="no such object"):
        libbpf.load(Path("/nowhere/flow.bpf.o"), {}, {})


@pytest.mark.parametrize("data", [b"", b"junk", b"\x7fELF" + bytes(100)])
def test_what_is_no_object(tmp_path: Path, data: bytes):
    (tmp_path / "flow.bpf.o").write_bytes(data)
    with pytest.raises(Refused, match="not a BPF object") as failure:
        libbpf.load(tmp_path / "flow.bpf.o", {}, {})
    assert "\n" not in str(failure.value)


@pytest.mark.root
def test_every_map_and_program_with_the_sizes_asked_for():
    loaded = libbpf.load(OBJECT, SIZES, {})
    assert set(loaded.maps) == set(layout.MAPS)
    assert tuple(loaded.programs) == PROGRAMS
    assert {name: bpf.map_entries(loaded.maps[name]) for name in SIZES} == SIZES
    close(loaded)


@pytest.mark.root
def test_programs_take_maps_that_exist_already():
    first = libbpf.load(OBJECT, SIZES, {})
    second = libbpf.load(OBJECT, {}, first.maps)
    for name, fd in first.maps.items():
        same = [bpf.map_information(one).id for one in (fd, second.maps[name])]
        assert same[0] == same[1], name
    close(first)
    close(second)


@pytest.mark.root
@pytest.mark.parametrize("name", ["nosuch", "flow"])
def test_maps_that_the_object_has_not(name: str):
    with pytest.raises(Refused, match=f"no map {name}") as failure:
        libbpf.load(OBJECT, {name: 4}, {})
    assert failure.value.errno == errno.ENOENT


@pytest.mark.root
def test_a_map_of_another_shape_is_refused():
    first = libbpf.load(OBJECT, SIZES, {})
    with pytest.raises(OSError, match="flows|refused"):
        libbpf.load(OBJECT, {}, {"flows": first.maps["epoch"]})
    close(first)


LONG = """
#define STEP (void)*(volatile unsigned int *)context;
#define TEN(x) x x x x x x x x x x
__attribute__((section("tc"), used)) int long_one(void *context)
{
	TEN(TEN(TEN(STEP STEP STEP)))
	return *(volatile unsigned int *)(context + 4096);
}
char licence[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.mark.root
def test_the_reason_is_found_at_the_end_of_a_long_log(tmp_path: Path):
    source, built = tmp_path / "long.c", tmp_path / "long.o"
    source.write_text(LONG)
    command = ["clang-14", "-O1", "-g", "-target", "bpf", "-c", source, "-o", built]
    subprocess.run(command, check=True)
    with pytest.raises(
        Refused, match=r"refused long.o: invalid bpf_context access"
    ) as failure:
        libbpf.load(built, {}, {})
    assert len(failure.value.log) == 64 * 1024
