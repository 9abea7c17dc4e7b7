"""The collector's folder: held by one process, packed into one file, brought back."""

from __future__ import annotations

import fcntl
import os
import tarfile
from pathlib import Path
from typing import IO, Final

from collector.records import StateError

LOCK: Final = "lock"
NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class Hold:
    """A folder that no other collector may use while this object lives."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(
                folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            reason = f"{error.strerror}: give a folder that can be written with data_dir"
            raise StateError(f"{folder}: {reason}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StateError(
                f"{folder}: another collector uses it: stop that one, or set data_dir"
            ) from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._file)


def pack(folder: Path, target: Path) -> int:
    """Write everything in the folder into a new tar file; return its bytes.

    The caller holds the folder, so nothing changes meanwhile. The file appears whole or not
    at all, for its owner alone: it has hashes of passwords. Raises StateError, OSError.
    """
    if target.exists():
        raise StateError(f"{target}: exists already: give another name")
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, NEW, 0o600), "wb") as file:
            add_all(file, folder)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)  # On a full disk it is most of what is there.
        raise
    return target.stat().st_size


def add_all(file: IO[bytes], folder: Path) -> None:
    """Write a folder's files but for its lock."""
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if str(name) != LOCK:
                archive.add(path, str(name), recursive=False)


def unpack(source: Path, folder: Path) -> int:
    """Bring a packed folder back into an empty one; return how many files it has.

    Raises StateError where something is there already, or the file is no such archive.
    """
    if any(path.name != LOCK for path in folder.iterdir()):
        raise StateError(f"{folder}: is not empty: move it away first")
    try:
        with tarfile.open(source, "r:") as archive:
            members = archive.getmembers()
            for member in members:
                check_member(member, source)
                check_place(member, folder, source)
                member.uid, member.gid = os.getuid(), os.getgid()
                archive.extract(member, folder)
    except (tarfile.TarError, OSError) as error:
        raise StateError(f"{source}: {error}: not a backup of a collector?") from error
    return sum(member.isfile() for member in members)


def check_place(member: tarfile.TarInfo, folder: Path, source: Path) -> None:
    """Refuse what links restored before it lead outside. Raises StateError."""
    place = folder / member.name
    if member.issym():
        target = place.parent / member.linkname
    else:
        target = folder / member.linkname if member.islnk() else place
    for one in (place.parent, target):
        if not one.resolve().is_relative_to(folder.resolve()):
            raise StateError(f"{source}: {member.name}: leads outside: not restored")


def check_member(member: tarfile.TarInfo, source: Path) -> None:
    """Refuse what could be written outside of the folder. Raises StateError."""
    path = Path(member.name)
    is_link = member.issym() or member.islnk()
    target = Path(os.path.normpath(path.parent / member.linkname)) if is_link else path
    for one in (path, target):
        if one.is_absolute() or ".." in one.parts:
            raise StateError(f"{source}: {member.name}: leads outside: not restored")
    if not (member.isfile() or member.isdir() or is_link):
        raise StateError(f"{source}: {member.name}: neither file nor folder: not restored")
