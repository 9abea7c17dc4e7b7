"""A kernel that is locked down. Nothing but a restart of the machine undoes that."""

from __future__ import annotations

from pathlib import Path

from balance import Balance
from guest import doctor
from loaders import begin_afresh, verified
from router import traffic

LEVEL = Path("/sys/kernel/security/lockdown")


def works_under_confidentiality() -> None:
    """Programs are brought in anew, and count; nothing is said to be wrong.

    The level forbids all that integrity forbids, and more.
    """
    LEVEL.write_text("confidentiality")
    assert "[confidentiality]" in LEVEL.read_text()
    begin_afresh()
    verified("libbpf under lockdown")
    with Balance():
        traffic()
    assert not doctor()["failed"]


CHECKS = (works_under_confidentiality,)
