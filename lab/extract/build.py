"""Compile the flow engine into one shared library: python -m lab.extract.build."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = Path(__file__).resolve().parent / "native"
OUTPUT: Final = ROOT / "build" / "libweirflows.so"
UNITS: Final = ("engine.c", "csv.c")
COMPILERS: Final = ("clang-14", "clang", "cc", "gcc")  # clang is about a sixth faster here

FLAGS: Final = (
    "-O3", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unknown-pragmas",
    # The same bits on every machine: no fused multiply-add.
    "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden",
    "-shared", "-fPIC", "-pthread",
)  # fmt: skip
MACHINE: Final = {"x86_64": ("-march=x86-64-v2",)}


def compiler() -> list[str]:
    """$CC, or the first C compiler there is."""
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None:
        raise SystemExit("no C compiler; install one: apt-get install gcc")
    return [found]


def is_current(output: Path = OUTPUT) -> bool:
    """Whether the library is newer than everything it is made of."""
    if not output.exists():
        return False
    parts = [*SOURCES.glob("*.[ch]"), *(ROOT / "bpf").glob("*.h"), Path(__file__)]
    return output.stat().st_mtime_ns >= max(part.stat().st_mtime_ns for part in parts)


def build(output: Path = OUTPUT) -> Path:
    """Compile; the library appears whole, or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    fresh = output.with_name(f"{output.name}.{os.getpid()}")
    units = [str(SOURCES / unit) for unit in UNITS]
    extra = MACHINE.get(platform.machine(), ())
    words = [*compiler(), *FLAGS, *extra, "-o", str(fresh), *units, "-lm"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        fresh.unlink(missing_ok=True)
        raise SystemExit(f"{shlex.join(words)}\n{done.stderr}")
    fresh.replace(output)
    return output


def main() -> int:
    """Build where the sources are newer."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    if not is_current(output):
        build(output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
