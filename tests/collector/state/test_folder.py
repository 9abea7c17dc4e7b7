"""One collector a folder; packed whole, brought back only where nothing is overwritten."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from collector.records import StateError
from collector.state.folder import Hold, check_member, pack, unpack


def test_a_folder_is_held_by_one(tmp_path: Path):
    first = Hold(tmp_path / "data")
    with pytest.raises(StateError, match="another collector uses it"):
        Hold(tmp_path / "data")
    first.release()
    Hold(tmp_path / "data").release()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="data_dir"):
        Hold(tmp_path / "file" / "data")


def test_packed_and_brought_back(tmp_path: Path):
    data, target = tmp_path / "data", tmp_path / "weir.tar"
    hold = Hold(data)
    (data / "store").mkdir()
    (data / "store" / "part").write_bytes(bytes(5000))
    (data / "store" / "link").symlink_to("part")
    assert pack(data, target) == target.stat().st_size > 5000
    hold.release()
    with pytest.raises(StateError, match="exists already"):
        pack(data, target)
    with pytest.raises(StateError, match="is not empty"):
        unpack(target, data)
    hold = Hold(tmp_path / "other")
    assert unpack(target, tmp_path / "other") == 1
    assert (tmp_path / "other" / "store" / "link").read_bytes() == bytes(5000)
    hold.release()


def test_an_empty_folder_packs_to_an_empty_archive(tmp_path: Path):
    (tmp_path / "data").mkdir()
    pack(tmp_path / "data", tmp_path / "weir.tar")
    (tmp_path / "other").mkdir()
    assert unpack(tmp_path / "weir.tar", tmp_path / "other") == 0


def test_what_is_no_archive_is_refused(tmp_path: Path):
    (tmp_path / "junk").write_bytes(b"junk")
    (tmp_path / "data").mkdir()
    for name in ("junk", "absent"):
        with pytest.raises(StateError, match="not a backup"):
            unpack(tmp_path / name, tmp_path / "data")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.type, one.linkname = kind, link
    return one


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (member("../out"), "leads outside"),
        (member("/etc/passwd"), "leads outside"),
        (member("a/../../out"), "leads outside"),
        (member("a", tarfile.SYMTYPE, "../out"), "leads outside"),
        (member("a/b", tarfile.SYMTYPE, "/etc/passwd"), "leads outside"),
        (member("a/b", tarfile.SYMTYPE, "../../out"), "leads outside"),
        (member("a", tarfile.LNKTYPE, "../out"), "leads outside"),
        (member("pipe", tarfile.FIFOTYPE), "neither file nor folder"),
        (member("disk", tarfile.BLKTYPE), "neither file nor folder"),
    ],
)
def test_members_that_are_not_restored(one: tarfile.TarInfo, reason: str, tmp_path: Path):
    with pytest.raises(StateError, match=reason):
        check_member(one, Path("backup.tar"))
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(one, io.BytesIO())
    (tmp_path / "data").mkdir()
    with pytest.raises(StateError, match=reason):
        unpack(tmp_path / "evil.tar", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_members_that_are(tmp_path: Path):
    for one in (member("a"), member("a/b", tarfile.SYMTYPE, "../c"),
                member("a", tarfile.DIRTYPE)):  # fmt: skip
        check_member(one, Path("backup.tar"))


def test_a_backup_is_for_its_owner_alone_and_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, target = tmp_path / "data", tmp_path / "weir.tar"
    data.mkdir()
    (data / "control.sqlite").write_bytes(b"hashes")
    before = os.umask(0o022)
    try:
        pack(data, target)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.unlink()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pack(data, target)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("first", ["link", "file"])
def test_links_that_lead_outside_together_are_not_restored(tmp_path: Path, first: str):
    """Each leads inside by its words; through the other it leads out."""
    data = tmp_path / "data"
    data.mkdir()
    members = [
        member("a/b/c", tarfile.SYMTYPE, "../.."),
        member("x", tarfile.SYMTYPE, "a/b/c/../.."),
    ]
    if first == "file":
        members.reverse()
    members.append(member("x/evil"))
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for one in members:
            archive.addfile(one, io.BytesIO())
    with pytest.raises(StateError, match="leads outside"):
        unpack(tmp_path / "evil.tar", data)
    assert not list(tmp_path.rglob("evil"))
