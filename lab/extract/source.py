"""A capture file's bytes, decompressed as they come, and how far into the file that is."""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

import numpy as np
import numpy.typing as npt
import zstandard

BUFFER_BYTES: Final = 1 << 18
"""Small enough to stay in a core's cache between the kernel's copy and the parser."""

LONGEST_BYTES: Final = (1 << 24) + 8192
"""A packet record may be 16 MiB (native/capture.h); the buffer grows to hold one."""

MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}


class Unreadable(Exception):
    """The file cannot be read, or not to its end; the text is the reason."""


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
            self._raw = path.open("rb", buffering=0)
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None
        self.size = os.fstat(self._raw.fileno()).st_size
        head = self._raw.read(6) or b""
        self._raw.seek(0)
        self._stream = _open(self._raw, head)
        self._into = cast("Callable[[memoryview], int]", self._stream.readinto)  # type: ignore[attr-defined]
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
        return self._raw.tell()

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
