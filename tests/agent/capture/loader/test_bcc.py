"""The second back end: what it makes of its source, and how it says what is missing."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.loader import bcc, libbpf, pins
from agent.capture.loader.libbpf import Refused
from tests.shared_data import REPOSITORY

SOURCE = REPOSITORY / "bpf"
SIZES = {"flows": 64, "closing": 64, "samples": 64, "reported": 128}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source, to be spoilt."""
    return Path(shutil.copytree(SOURCE, tmp_path / "bpf"))


def close(loaded: libbpf.Loaded) -> None:
    for fd in (*loaded.maps.values(), *loaded.programs.values()):
        os.close(fd)


def test_the_marks_are_the_order_of_the_maps() -> None:
    text = (SOURCE / bcc.SOURCE).read_text()
    marks = [
        line.split() for line in text.splitlines() if line.startswith("#define ")
        and "WEIR_MAP(" in line and "number" not in line
    ]  # fmt: skip
    names = list(layout.MAPS)
    assert {name: value for _, name, value in marks} == {
        name: f"WEIR_MAP({number})"
        for number, name in enumerate(names)
        if name in {mark[1] for mark in marks}
    }
    assert len(marks) == names.index("cursors") + 1
    assert bcc.GEOMETRY.keys() == layout.MAPS.keys()


def test_linking_puts_fds_and_the_callback_in() -> None:
    code = np.zeros(5, bcc._INSTRUCTION)
    code["code"] = [0x18, 0, 0x18, 0, 0x95]
    code["registers"] = [0x11, 0, 0x42, 0, 0]  # map 2, then the callback
    code["immediate"][0] = 2
    callback = np.zeros(1, bcc._INSTRUCTION)
    callback["code"] = 0x95
    linked, at = bcc.link(code.tobytes(), [7, 8, 9], callback.tobytes())
    found = np.frombuffer(linked, bcc._INSTRUCTION)
    assert at == 5
    assert found["immediate"][0] == 9
    assert found["immediate"][2] == 2  # from the next instruction to the callback
    assert found["code"][5] == 0xBF  # the key moves to the first argument
    assert len(found) == 7


def test_identity_follows_the_source(copy: Path) -> None:
    before = bcc.identity(copy)
    assert before == bcc.identity(SOURCE)
    (copy / "flow.h").write_text((copy / "flow.h").read_text() + "\n")
    assert bcc.identity(copy) != before
    assert len(before) == 32


def test_no_headers_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcc.platform, "release", lambda: "9.9.9-none")
    monkeypatch.delenv("BCC_KERNEL_SOURCE", raising=False)
    with pytest.raises(Refused) as error:
        bcc.load(SOURCE, SIZES, {})
    words = "no kernel headers at /lib/modules/9.9.9-none/build; run: apt-get install "
    assert words + "linux-headers-9.9.9-none" in str(error.value)


def test_no_bcc_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(bcc, "_python", lambda: str(python))
    monkeypatch.setattr(bcc, "_need_headers", lambda: None)
    with pytest.raises(Refused) as error:
        bcc.load(SOURCE, SIZES, {})
    assert "apt-get install python3-bpfcc" in str(error.value)


def test_no_source() -> None:
    with pytest.raises(FileNotFoundError):
        bcc.load(Path("/nowhere"), SIZES, {})


@pytest.mark.root
@pytest.mark.bcc
def test_a_mistake_in_the_source_is_told_with_its_place(copy: Path) -> None:
    text = (copy / "count.h").read_text()
    (copy / "count.h").write_text(text.replace("XDP_PASS;", "XDP_PAS;", 1))
    with pytest.raises(Refused) as error:
        bcc.load(copy, SIZES, {})
    assert error.value.errno == errno.EINVAL
    assert "count.h:" in str(error.value)
    assert "XDP_PAS" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(error.value.log) > 100


@pytest.mark.root
@pytest.mark.bcc
def test_the_verifiers_refusal_is_told_and_its_log_kept(copy: Path) -> None:
    text = (copy / "count.h").read_text()
    spoilt = text.replace("	if (!interface || !work)\n", "	if (!work)\n", 1)
    assert spoilt != text
    (copy / "count.h").write_text(spoilt)
    with pytest.raises(Refused) as error:
        bcc.load(copy, SIZES, {})
    assert "the kernel refused weir_xdp:" in str(error.value)
    assert "invalid mem access" in str(error.value)
    assert "processed" in error.value.log


@pytest.mark.root
@pytest.mark.bcc
def test_it_needs_neither_clang_nor_object_nor_kernel_types(copy: Path) -> None:
    """bcc compiles; bpf(2) loads. Nothing of libbpf's object or of vmlinux is opened."""
    trace = copy / "trace"
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); "
        "from pathlib import Path; from agent.capture.loader import bcc; "
        f"bcc.load(Path({str(copy)!r}), {SIZES!r}, {{}})"
    )
    environment = {"PATH": "/nonexistent", "HOME": "/nonexistent"}
    strace = shutil.which("strace")
    assert strace, "strace is not installed: make setup installs it"
    command = [strace, "-f", "-qq", "-e", "trace=openat,execve", "-o", str(trace)]
    command += [sys.executable, "-c", script, str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    opened = trace.read_text()
    for name in ("vmlinux", "flow.bpf.o", "clang-14"):
        assert f'/{name}"' not in opened


@pytest.mark.root
@pytest.mark.bcc
def test_it_takes_over_the_maps_of_the_other() -> None:
    """Programs are replaced in place, whichever back end brought the first ones."""
    first = libbpf.load(REPOSITORY / "build" / "bpf" / "flow.bpf.o", SIZES, {})
    second = bcc.load(SOURCE, {}, first.maps)
    assert second.programs.keys() == first.programs.keys()
    third = libbpf.load(REPOSITORY / "build" / "bpf" / "flow.bpf.o", {}, second.maps)
    for loaded in (first, second, third):
        close(loaded)


@pytest.mark.root
@pytest.mark.bcc
def test_the_agent_does_not_keep_the_compiler() -> None:
    status = Path("/proc/self/status")

    def resident_kb() -> int:
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    before = resident_kb()
    close(bcc.load(SOURCE, SIZES, {}))
    assert resident_kb() - before < 20 * 1024


@pytest.mark.root
def test_the_agent_says_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcc.platform, "release", lambda: "9.9.9-none")
    monkeypatch.delenv("BCC_KERNEL_SOURCE", raising=False)
    directory = Path("/sys/fs/bpf") / f"weir-test-{os.getpid()}-bcc"
    back_end = pins.BackEnd("bcc", bytes(32), lambda sizes, reuse: bcc.load(SOURCE, {}, {}))
    with pytest.raises(pins.CaptureError) as error:
        pins.open_or_make(directory, back_end, {})
    pins.remove(directory)
    assert "\n" not in str(error.value)
    assert "apt-get install linux-headers-9.9.9-none" in str(error.value)
