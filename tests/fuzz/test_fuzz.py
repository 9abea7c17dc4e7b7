"""libFuzzer with ASan and UBSan over the parser and the readers, for as long as is asked.

WEIR_FUZZ_SECONDS is the time of each target: 15 in `make test`, a quarter of an hour in
`make test-long`. What it finds is written to build/fuzz and belongs into the corpus.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shared_data import REPOSITORY

SECONDS = int(os.environ.get("WEIR_FUZZ_SECONDS", "15"))
HERE = Path(__file__).parent
BUILT = REPOSITORY / "build" / "fuzz"
FLAGS = (
    "-g", "-O1", "-std=gnu11", "-fno-strict-aliasing", "-pthread",
    "-Wno-unknown-attributes",
    "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined",
)  # fmt: skip


def compiler() -> str:
    found = shutil.which("clang-14") or shutil.which("clang")
    if found is None:
        pytest.skip("clang is not installed (make setup installs it)")
    return found


@pytest.mark.campaign
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("target", ["parse", "capture"])
def test_no_bytes_break_it(target: str) -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    binary, found = BUILT / target, BUILT / f"{target}-corpus"
    found.mkdir(exist_ok=True)
    source = HERE / f"fuzz_{target}.c"
    words = [compiler(), *FLAGS, "-o", str(binary), str(source), "-lm"]
    built = subprocess.run(words, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [
            binary, found, HERE / "corpus" / target, f"-max_total_time={SECONDS}",
            "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
            f"-artifact_prefix={BUILT}/{target}-",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
