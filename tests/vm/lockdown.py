"""Kernels that are locked down. Nothing but a restart of the machine undoes that."""

from __future__ import annotations

from pathlib import Path

from balance import Balance
from guest import doctor
from loaders import begin_afresh, verified
from router import traffic

LEVEL = Path("/sys/kernel/security/lockdown")


def works_under(level: str) -> None:
    """Programs are brought in anew, and count; nothing is said to be wrong."""
    LEVEL.write_text(level)
    assert f"[{level}]" in LEVEL.read_text()
    begin_afresh()
    verified(f"libbpf under {level}")
    with Balance():
        traffic()
    assert not doctor()["failed"]


def works_under_integrity() -> None:
    works_under("integrity")


def works_under_confidentiality() -> None:
    works_under("confidentiality")


CHECKS = (works_under_integrity, works_under_confidentiality)
