"""The script that any Python with bcc can run: code on output, reasons on error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.capture.loader import compiler, libbpf


def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-I", *arguments], capture_output=True, text=True, check=False
    )


def test_it_compiles_every_program_and_the_callback():
    assert set(compiler.FUNCTIONS) == {*libbpf.PROGRAMS, "sample_entry"}


def test_without_bcc_it_says_so_by_its_status(tmp_path: Path):
    # -S: no site-packages, and so no bcc, whatever is installed.
    done = run(sys.executable, "-S", compiler.__file__, str(tmp_path / "none.c"))
    assert done.returncode == compiler.NO_BCC
    assert "bcc" in done.stderr
    assert done.stdout == ""


@pytest.mark.root
@pytest.mark.bcc
def test_a_mistake_is_told_and_nothing_is_given(tmp_path: Path):
    source = tmp_path / "wrong.c"
    source.write_text("int weir_xdp(struct xdp_md *context) { return NOSUCH; }\n")
    done = run("/usr/bin/python3", compiler.__file__, str(source))
    assert done.returncode not in (0, compiler.NO_BCC)
    assert "wrong.c:1" in done.stderr or "NOSUCH" in done.stderr
    assert done.stdout == ""


@pytest.mark.root
@pytest.mark.bcc
def test_functions_come_a_line_each_with_flags_heard(tmp_path: Path):
    source = tmp_path / "small.c"
    source.write_text(
        "".join(
            f"int {name}(struct xdp_md *context) {{ return VALUE; }}\n"
            for name in compiler.FUNCTIONS
        )
    )
    done = run("/usr/bin/python3", compiler.__file__, str(source), "-DVALUE=5")
    assert done.returncode == 0, done.stderr
    found = dict(line.split() for line in done.stdout.splitlines())
    assert tuple(found) == compiler.FUNCTIONS
    assert {bytes.fromhex(code) for code in found.values()} == {
        bytes.fromhex("b7000000050000009500000000000000")
    }
