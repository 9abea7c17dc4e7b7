"""A processor that chDB cannot run on is named before it ends the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collector.store.processor import has_avx2

OLD = "processor\t: 0\nflags\t\t: fpu sse4_2 popcnt avx\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (OLD, False),
        (OLD.replace("avx", "avx avx2"), True),
        (OLD.replace("avx", "avx2") + OLD, False),
        ("processor\t: 0\nFeatures\t: fp asimd\n", True),
        ("", True),
    ],
)
def test_flags(cpuinfo: str, expected: bool):
    assert has_avx2(cpuinfo) is expected


@pytest.mark.root
@pytest.mark.parametrize(
    ("command", "store", "status", "said"),
    [
        ("check", [], 2, "no AVX2"),
        ("run", [], 2, "no AVX2"),
        ("check", ["--store-url", "http://127.0.0.1:9"], 0, ""),
    ],
)
def test_on_an_old_machine(
    tmp_path: Path, command: str, store: list[str], status: int, said: str
):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(OLD)
    there = 'mount --bind "$0" /proc/cpuinfo; exec "$@"'
    ours = (
        sys.executable,
        "-m",
        "collector",
        command,
        "--data-dir",
        str(tmp_path / "data"),
    )
    done = subprocess.run(
        ("unshare", "--mount", "sh", "-ec", there, str(cpuinfo), *ours, *store),
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)
