"""Run every benchmark, one JSON object a line; write the table of docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: make bench -->", "<!-- /figures -->"


def modules() -> list[str]:
    """Every module here that prints figures."""
    found = sorted(HERE.glob("*.py"))
    return [path.stem for path in found if not path.stem.startswith("__")]


def run(name: str) -> list[dict[str, object]]:
    """The figures of one module; what fails is said and does not stop the others."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=HERE.parent,
    )
    figures = []
    for row in done.stdout.splitlines():
        if row.startswith("{"):
            print(row, flush=True)
            figures.append(json.loads(row))
    if done.returncode:
        print(f"benchmarks.{name}: ended {done.returncode}", file=sys.stderr)
    return figures


def table(figures: list[dict[str, object]]) -> str:
    """The figures as Markdown, with the machine they come from."""
    rows = ["| figure | value | unit | against | ratio |", "|---|---|---|---|---|"]
    rows += [
        f"| {f['name']} | {f['value']} | {f['unit']} | {f['peer']} | {f['ratio']} |"
        for f in figures
    ]
    day = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, kernel {platform.release()}, {day}"
    return f"{BEGIN}\n\nMeasured on {machine}.\n\n" + "\n".join(rows) + f"\n\n{END}"


def main() -> None:
    """Run what is named, or everything."""
    names = sys.argv[1:] or modules()
    figures = [figure for name in names for figure in run(name)]
    page = PAGE.read_text() if PAGE.exists() else f"# Benchmarks\n\n{BEGIN}{END}\n"
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not sys.argv[1:]:
        PAGE.write_text(head + table(figures) + tail)


if __name__ == "__main__":
    main()
