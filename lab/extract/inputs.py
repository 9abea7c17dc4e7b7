"""Which captures are meant, and what their outputs are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".pcap", ".pcapng", ".cap", ".ntar", ".dmp", ".trace"})
PACKED: Final = frozenset({".gz", ".zst", ".xz"})
MAGIC: Final = (
    b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Input:
    """A capture and the stem of its outputs."""

    path: Path
    stem: Path


def is_capture(path: Path) -> bool:
    """By its name, or by its first bytes."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    if suffixes and suffixes[-1] in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) in MAGIC
    except OSError:
        return False


def find(paths: Sequence[Path], out: Path) -> list[Input]:
    """Files as named, directories searched; outputs keep a directory's shape."""
    found: list[Input] = []
    taken: set[Path] = set()
    for path in paths:
        inside = path.is_dir()
        files = sorted(p for p in path.rglob("*") if p.is_file()) if inside else [path]
        for file in files:
            if inside and (file.name.startswith(".") or not is_capture(file)):
                continue
            stem = out / (file.relative_to(path) if inside else Path(file.name))
            number = 1
            while stem in taken:
                number += 1
                stem = stem.with_name(f"{file.name}-{number}")
            taken.add(stem)
            found.append(Input(file, stem))
    return found
