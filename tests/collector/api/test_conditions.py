"""What counts as wrong, at its bounds."""

from __future__ import annotations

import pytest

from collector.api.conditions import Checks, of_agent, of_collector


def wrong(checks: Checks) -> dict[str, tuple[str, int]]:
    return {
        alert.subject: (alert.message, alert.extent)
        for is_wrong, alert in checks
        if is_wrong
    }


@pytest.mark.parametrize(
    ("failing", "free", "backlog", "found"),
    [
        ("", 0.05, 0.5, {}),
        ("no disk", 1.0, 0.0, {"store": ("no disk", 0)}),
        ("", 0.049, 0.0, {"disk": ("4.9% is free", 0)}),
        ("", 1.0, 0.51, {"backlog": ("51% of the journal is in use", 0)}),
    ],
)
def test_the_collector(
    failing: str, free: float, backlog: float, found: dict[str, tuple[str, int]]
):
    assert wrong(of_collector(failing, free, backlog)) == found


@pytest.mark.parametrize(
    ("silent", "missing", "skew", "found"),
    [
        (0.0, 0, -5.0, {}),
        (181.4, 0, 0.0, {"agent/e/silent": ("nothing for 181 s", 0)}),
        (0.0, 2, 0.0, {"agent/e/gaps": ("2 numbers never came", 2)}),
        (0.0, 0, -5.1, {"agent/e/clock": ("-5.1 s against the collector", 0)}),
    ],
)
def test_an_agent(
    silent: float, missing: int, skew: float, found: dict[str, tuple[str, int]]
):
    assert wrong(of_agent("e", silent, missing, skew)) == found
