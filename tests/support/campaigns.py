"""How often a campaign runs: short in `make test`, in full in `make test-long`."""

from __future__ import annotations

import os


def count(short: int, full: int) -> int:
    """Return the number of rounds for this run; WEIR_CAMPAIGN=long asks for all."""
    return full if os.environ.get("WEIR_CAMPAIGN") == "long" else short
