"""Unpack one wheel of a folder into site-packages, without scripts, tests and headers.

Usage: unpack.py FOLDER NAME==VERSION SITE_PACKAGES
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

FOLDERS: Final = {"tests", "test", "include", "f2py", "distutils", "_examples"}
TOOLS: Final = {
    ("onnxruntime", "tools"),
    ("onnxruntime", "transformers"),
    ("onnxruntime", "quantization"),
    ("onnxruntime", "datasets"),
}
SUFFIXES: Final = (".pyi", ".pyx", ".pxd", ".h", ".c", ".lib", ".a")
"""What no program reads at run time."""


def find(folder: Path, wanted: str) -> Path:
    """The wheel of a line of the lock."""
    requirement = Requirement(wanted)
    name = canonicalize_name(requirement.name)
    for path in sorted(folder.glob("*.whl")):
        its_name, version, _, _ = parse_wheel_filename(path.name)
        if its_name == name and requirement.specifier.contains(version):
            return path
    raise SystemExit(f"{folder}: no wheel of {wanted}")


def is_wanted(name: str) -> bool:
    """Whether a program may need this file."""
    path = PurePosixPath(name)
    return not (
        path.suffix in SUFFIXES
        or path.name.partition(".")[0].endswith("_tests")
        or path.parts[:2] in TOOLS
        or FOLDERS.intersection(path.parts[:-1])
    )


def unpack(wheel: Path, site: Path) -> None:
    """Unpack what is wanted; `*.data/purelib` and `platlib` belong to site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            parts = PurePosixPath(info.filename).parts
            if parts[0].endswith(".data"):
                if parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            if info.is_dir() or not is_wanted("/".join(parts)):
                continue
            target = site.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_without_interpreter(target, archive.read(info)))


def _without_interpreter(path: Path, content: bytes) -> bytes:
    """A module is no script: its first line must not name an interpreter."""
    if path.suffix == ".py" and content.startswith(b"#!"):
        return content.partition(b"\n")[2]
    return content


if __name__ == "__main__":
    unpack(find(Path(sys.argv[1]), sys.argv[2]), Path(sys.argv[3]))
