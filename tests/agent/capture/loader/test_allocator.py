"""Freed megabytes go back to the kernel."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.capture.loader.allocator import THRESHOLD_BYTES
from tests.shared_data import REPOSITORY

# In a process of its own: the setting stays for its whole life.
KEPT = """
import sys
import numpy as np
from pathlib import Path
from agent.capture.loader.allocator import return_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "yes":
    return_large_blocks()
size = int(sys.argv[2])
np.ones(size, np.uint8)  # glibc raises its threshold when this one is freed
blocks = [np.ones(size, np.uint8) for _ in range(8)]
above = np.ones(100, np.uint8)
before = resident()
del blocks
print(before - resident())
"""


@pytest.mark.parametrize("size", [2 * THRESHOLD_BYTES, 8 * THRESHOLD_BYTES])
def test_large_arrays_leave_when_they_go(size: int):
    done = subprocess.run(
        [sys.executable, "-c", KEPT, "yes", str(size)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) > 0.9 * 8 * size
