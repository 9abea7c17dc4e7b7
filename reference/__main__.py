"""`python -m reference` writes the generated pages; `--check` names those out of date."""

from __future__ import annotations

import sys

from reference.pages import PAGES, stale, write


def main(words: list[str]) -> int:
    """Write or check; 1 where a page is out of date."""
    if "--check" not in words:
        write()
        print(f"{len(PAGES)} pages written")
        return 0
    found = stale()
    for path in found:
        print(f"{path}: out of date: run: .venv/bin/python -m reference", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
