"""What a device says of its own speed."""

from __future__ import annotations

import contextlib
from pathlib import Path


def speed_bps(name: str) -> int:
    """What a device claims, by name; 0: nothing."""
    # ethtool's figure by sysfs; virtual interfaces and other namespaces give none.
    with contextlib.suppress(OSError, ValueError):
        megabits = int((Path("/sys/class/net") / name / "speed").read_text())
        if megabits > 0:
            return megabits * 1_000_000
    return 0
