"""The library is built when it is older than what it is made of, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lab.extract import build


def test_a_library_that_is_not_there_is_not_current(tmp_path: Path):
    assert build.is_current(tmp_path / "none.so") is False


@pytest.mark.parametrize(("age_s", "current"), [(-3600, True), (10**9, False)])
def test_only_a_library_newer_than_its_sources_is_current(
    tmp_path: Path, age_s: int, current: bool
):
    library = tmp_path / "library.so"
    library.write_bytes(b"")
    when = max(path.stat().st_mtime for path in build.SOURCES.glob("*.[ch]")) - age_s
    newest = max(when, Path(build.__file__).stat().st_mtime - age_s)
    newest = max(
        [newest, *(p.stat().st_mtime - age_s for p in (build.ROOT / "bpf").glob("*.h"))]
    )
    os.utime(library, (newest, newest))
    assert build.is_current(library) is current


def test_a_compiler_is_named_by_the_environment_or_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "ccache 'my cc' -m32")
    assert build.compiler() == ["ccache", "my cc", "-m32"]
    monkeypatch.delenv("CC")
    (found,) = build.compiler()
    assert shutil.which(found) == found


def test_without_a_compiler_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="apt-get install gcc"):
        build.compiler()


def test_a_build_that_fails_leaves_the_old_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    library = tmp_path / "library.so"
    library.write_bytes(b"old")
    monkeypatch.setenv("CC", "sh -c 'echo so it is >&2; exit 1' --")
    with pytest.raises(SystemExit, match="so it is"):
        build.build(library)
    assert [path.name for path in tmp_path.iterdir()] == ["library.so"]
    assert library.read_bytes() == b"old"
