"""The first guess at a new flow's class: its ports, then its code point."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.records import CLASS_NAMES

PORTS: Final = {
    "video": (1755, 1935, 3478, 3479, 5004, 5005, 8554, *range(6970, 6980)),
    "voice": (*range(5060, 5063), *range(16384, 16397)),
    "web": (80,),
    "file": (20, 21, 22, 25, 110, 143, 445, 3389, 8080, 8443),
    "background": (53, 123, 161, 162, 389, 636, 3306, 5432),
}
"""443 is nobody's: what runs there is found out by looking."""

CODE_POINTS: Final = {
    "voice": (44, 46),  # VA (RFC 5865), EF (RFC 3246)
    "video": (24, 26, 28, 30, 32, 34, 36, 38),  # CS3, AF3x, CS4, AF4x (RFC 4594)
    "interactive": (16, 18, 20, 22, 40),  # CS2, AF2x, CS5
    "file": (10, 12, 14),  # AF1x
    "background": (1, 8),  # LE (RFC 8622), CS1
}


def _table(size: int, members: dict[str, tuple[int, ...]]) -> npt.NDArray[Any]:
    classes = np.zeros(size, np.uint8)
    for name, numbers in members.items():
        classes[list(numbers)] = CLASS_NAMES.index(name)
    return classes


def by_port() -> npt.NDArray[Any]:
    """Class number of every port: uint8 (65536,), 0 unknown."""
    return _table(65536, PORTS)


def by_code_point() -> npt.NDArray[Any]:
    """Class number of every DSCP: uint8 (64,), 0 unknown."""
    return _table(64, CODE_POINTS)
