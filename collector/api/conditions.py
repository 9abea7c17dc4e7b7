"""What is wrong, and how a person is told: the checks behind alerts."""

from __future__ import annotations

from typing import Final

from collector.records import Alert

DISK_FREE_LEAST: Final = 0.05
BACKLOG_SHARE_MOST: Final = 0.5
SKEW_SECONDS_MAX: Final = 5.0

Checks = tuple[tuple[bool, Alert], ...]
"""Whether something is wrong, and the alert about it."""


def of_collector(failing: str, free: float, backlog: float) -> Checks:
    """Return the checks of the collector itself; free and backlog are shares."""
    return (
        (bool(failing), Alert("store", "critical", "Uploads are not stored", failing)),
        (
            free < DISK_FREE_LEAST,
            Alert("disk", "critical", "The disk is nearly full", f"{free:.1%} is free"),
        ),
        (
            backlog > BACKLOG_SHARE_MOST,
            Alert("backlog", "warning", "The store is behind",
                  f"{backlog:.0%} of the journal is in use"),
        ),
    )  # fmt: skip


def of_agent(name: str, silent: float, missing: int, skew: float) -> Checks:
    """Return the checks of one agent; silent is 0 while that is not too long."""
    return (
        (
            silent > 0,
            Alert(f"agent/{name}/silent", "warning", f"Agent {name} is silent",
                  f"nothing for {silent:.0f} s"),
        ),
        (
            missing > 0,
            # Lost numbers stay lost: only more of them are news to who resolved this.
            Alert(f"agent/{name}/gaps", "warning", f"Agent {name} lost batches",
                  f"{missing} numbers never came", missing),
        ),
        (
            abs(skew) > SKEW_SECONDS_MAX,
            Alert(f"agent/{name}/clock", "warning", f"Agent {name} has a wrong clock",
                  f"{skew:+.1f} s against the collector"),
        ),
    )  # fmt: skip
