"""Which back end brings the programs in, and from where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.capture import backends
from agent.capture.loader.pins import CaptureError


def test_the_object_beside_the_installation_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built = backends.object_path()
    assert (built.name, built.parent.name) == ("flow.bpf.o", "bpf")
    (tmp_path / "bpf").mkdir()
    (tmp_path / "bpf" / backends.OBJECT).write_bytes(b"object")
    (tmp_path / "bpf" / "flow.bcc.c").write_bytes(b"source")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert backends.object_path() == tmp_path / "bpf" / backends.OBJECT
    assert backends.source_path() == tmp_path / "bpf"


@pytest.mark.parametrize(
    ("wanted", "is_there", "name"),
    [("auto", True, "libbpf"), ("auto", False, "bcc"), ("libbpf", True, "libbpf"),
     ("bcc", True, "bcc")],
)  # fmt: skip
def test_auto_compiles_where_no_object_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, is_there: bool, name: str
):
    path = tmp_path / "flow.bpf.o"
    if is_there:
        path.write_bytes(b"object")
    monkeypatch.setattr(backends, "object_path", lambda: path)
    found = backends.back_end(wanted)
    assert (found.name, len(found.identity)) == (name, 32)


def test_what_is_missing_names_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends, "object_path", lambda: tmp_path / "none.o")
    monkeypatch.setattr(backends, "source_path", lambda: tmp_path / "none")
    with pytest.raises(CaptureError, match="make bpf"):
        backends.back_end("libbpf")
    with pytest.raises(CaptureError, match="brings the source"):
        backends.back_end("bcc")


def test_the_identity_follows_the_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "flow.bpf.o"
    monkeypatch.setattr(backends, "object_path", lambda: path)
    path.write_bytes(b"one")
    before = backends.back_end("libbpf").identity
    path.write_bytes(b"two")
    assert backends.back_end("libbpf").identity != before
