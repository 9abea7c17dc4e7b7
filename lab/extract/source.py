"""A capture file's bytes, decompressed as they come, and how far into the file that is."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

import numpy as np
import numpy.typing as npt
import zstandard

BUFFER_BYTES: Final = 1 << 19
"""Small enough to stay in a core's cache between the kernel's copy and the parser."""

LONGEST_BYTES: Final = (1 << 24) + 8192
"""A packet record may be 16 MiB (native/capture_state.h); the buffer grows to hold one."""

HEAD_BYTES: Final = 6
MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}


class Unreadable(Exception):
    """The file cannot be read, or not to its end; the text is the reason."""


class _Counted(io.RawIOBase):
    """A file or pipe whose first bytes may be looked at, and whose position is known."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size
        self.head = b""
        while len(self.head) < HEAD_BYTES and (more := self._file.read(HEAD_BYTES)):
            self.head += more
        self._pending = self.head
        self.position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As io.RawIOBase has it."""
        if self._pending:
            count = min(len(self._pending), len(buffer))
            buffer[:count] = self._pending[:count]
            self._pending = self._pending[count:]
        else:
            count = self._file.readinto(buffer) or 0
        self.position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _open(raw: IO[bytes], head: bytes) -> IO[bytes]:
    kind = next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")
    if kind == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if kind == "xz":
        return cast("IO[bytes]", lzma.LZMAFile(raw))
    if kind == "zstd":
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        return cast("IO[bytes]", reader.stream_reader(raw, read_across_frames=True))
    return raw


class Source:
    """Bytes of one capture, plain or gzip, zstd, xz.

    fill() reads more behind what is kept, window() is what there is, drop() forgets its
    beginning. position and size are of the file itself, so that progress is true whatever
    the compression.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._raw = _Counted(path)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None
        self.size = self._raw.size
        self._stream = _open(cast("IO[bytes]", self._raw), self._raw.head)
        self._into: Callable[[memoryview], int] = cast("Any", self._stream).readinto
        self._buffer = np.empty(BUFFER_BYTES, np.uint8)
        self._begin = self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.position

    def window(self) -> npt.NDArray[np.uint8]:
        """What has been read and not dropped."""
        return self._buffer[self._begin : self._end]

    def drop(self, count: int) -> None:
        """Forget the first bytes of the window."""
        self._begin += count

    def fill(self) -> bool:
        """Read more; False: the file is at its end."""
        kept = self._end - self._begin
        if kept == len(self._buffer):
            if kept >= LONGEST_BYTES:
                raise Unreadable("a record longer than any packet")
            larger = np.empty(min(kept * 4, LONGEST_BYTES), np.uint8)
            larger[:kept] = self.window()
            self._buffer = larger
        elif self._begin:
            self._buffer[:kept] = self._buffer[self._begin : self._end].copy()
        self._begin, self._end = 0, kept
        try:
            got = self._into(self._buffer[kept:].data)
        except (
            OSError,
            EOFError,
            lzma.LZMAError,
            zstandard.ZstdError,
            zlib.error,
        ) as error:
            raise Unreadable(f"damaged compression: {error}") from None
        self._end += got or 0
        return bool(got)
