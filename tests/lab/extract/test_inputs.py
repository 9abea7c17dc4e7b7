"""Which files are captures, and what their outputs are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.extract.inputs import MAGIC, find, is_capture


@pytest.mark.parametrize(
    ("name", "data", "is_one"),
    [
        ("a.pcap", b"", True), ("a.PCAPNG", b"", True), ("a.pcap.gz", b"", True),
        ("a.cap.zst", b"", True), ("a.gz", b"\x1f\x8b", False), ("a.txt", b"text", False),
        ("a", b"", False), ("a", b"\xa1\xb2\xc3", False), ("a.log", MAGIC[0], True),
        ("a", MAGIC[1] + b"more", True), ("a.pcap.txt", b"text", False),
    ],
)  # fmt: skip
def test_by_name_or_by_first_bytes(tmp_path: Path, name: str, data: bytes, is_one: bool):
    (tmp_path / name).write_bytes(data)
    assert is_capture(tmp_path / name) is is_one


def test_what_cannot_be_read_is_none(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    assert is_capture(tmp_path / "folder") is False
    assert is_capture(tmp_path / "absent") is False


def test_a_directory_keeps_its_shape_and_a_named_file_is_taken_as_it_is(tmp_path: Path):
    for name in (
        "in/b.pcap",
        "in/sub/a.pcap",
        "in/.hidden.pcap",
        "in/notes.txt",
        "odd.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    out = tmp_path / "out"
    found = find([tmp_path / "in", tmp_path / "odd.txt"], out)
    assert [(one.path.name, one.stem) for one in found] == [
        ("b.pcap", out / "b.pcap"), ("a.pcap", out / "sub" / "a.pcap"),
        ("odd.txt", out / "odd.txt"),
    ]  # fmt: skip


def test_two_of_one_name_do_not_share_an_output(tmp_path: Path):
    for folder in ("one", "two", "three"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pcap").write_bytes(b"")
    paths = [tmp_path / folder / "a.pcap" for folder in ("one", "two", "three")]
    stems = [one.stem.name for one in find(paths, tmp_path / "out")]
    assert stems == ["a.pcap", "a.pcap-2", "a.pcap-3"]


def test_nothing_named_and_nothing_found(tmp_path: Path):
    assert find([], tmp_path) == []
    assert find([tmp_path], tmp_path / "out") == []
    (absent,) = find([tmp_path / "absent.pcap"], tmp_path / "out")
    assert absent.path.name == "absent.pcap"  # its reading will say why not
