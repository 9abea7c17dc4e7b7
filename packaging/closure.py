"""Print the part of requirements.lock that one program needs, for one Python release.

Usage: closure.py agent|collector PYTHON_VERSION < requirements.lock. It runs where
everything of the lock is installed: what needs what is read from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Final

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOTS: Final = {
    "agent": "aiohttp datasketches msgpack numpy onnxruntime prometheus-client psutil "
    "pyroute2 rich tomli zstandard",
    "collector": "aiohttp argon2-cffi chdb clickhouse-connect datasketches "
    "msgpack numpy prometheus-client psutil tomli zstandard",
}
UNUSED: Final = {"pandas", "pyarrow"}
"""chDB needs them only to hand out data frames; a quarter of a gigabyte otherwise."""


def needed(roots: Iterable[str], python: str) -> set[str]:
    """Names of everything that the roots need, themselves included."""
    environment: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": python + ".0",
        "extra": "",
    }
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in roots]
    while waiting:
        name = waiting.pop()
        if name in found or name in UNUSED:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                waiting.append(canonicalize_name(requirement.name))
    return found


def main(program: str, python: str) -> int:
    """Filter the lock."""
    wanted = needed(ROOTS[program].split(), python)
    for line in sys.stdin:
        name = canonicalize_name(re.split(r"[=<>;\[ ]", line.strip())[0])
        if name in wanted:
            wanted.discard(name)
            sys.stdout.write(line)
    if wanted:
        sys.stderr.write(f"not in requirements.lock: {', '.join(sorted(wanted))}\n")
    return bool(wanted)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
