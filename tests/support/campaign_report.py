"""A pytest plugin: the campaigns of one long run become docs/campaigns.md."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "campaigns.md"

HEAD = """# Campaigns

The same tests as in `make test`, at their full counts: ten million frames, a hundred kills,
fuzzing by the quarter hour. `make test-long` runs them and writes this page.

"""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the page; a campaign that failed stands in it as failed."""
    rows = []
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.when == "call" or outcome == "skipped":
                rows.append((report.nodeid, outcome, report.duration))
    lines = ["| campaign | result | seconds |", "|---|---|---|"]
    lines += [f"| `{name}` | {how} | {took:.0f} |" for name, how, took in sorted(rows)]
    day = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, kernel {platform.release()}"
    PAGE.write_text(f"{HEAD}Last run {day}, {machine}.\n\n" + "\n".join(lines) + "\n")
