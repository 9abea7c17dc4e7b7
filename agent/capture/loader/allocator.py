"""Memory of a walk's arrays goes back to the kernel when they go. Source: mallopt(3)."""

from __future__ import annotations

import ctypes
from typing import Final

M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
THRESHOLD_BYTES: Final = 1 << 20


def return_large_blocks() -> None:
    """Keep glibc from raising its threshold and holding on to freed megabytes."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none, and gives memory back by itself
        libc.mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
        libc.mallopt(M_ARENA_MAX, 1)
