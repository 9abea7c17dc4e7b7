"""Request bodies to bytes, bounded before and after decompression."""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from collector.records import Refused

ENCODINGS: Final = ("identity", "gzip", "zstd")
ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""RFC 8878 asks decoders for 8 MiB; more only serves to exhaust memory."""


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the decompressed body of at most limit bytes. Raises Refused."""
    if encoding == "identity":
        data = body
    elif encoding == "gzip":
        data = gunzip(body, limit)
    elif encoding == "zstd":
        data = unzstd(body, limit)
    else:
        raise Refused(
            415, f"Content-Encoding {encoding}: use one of {', '.join(ENCODINGS)}"
        )
    if len(data) > limit:
        raise Refused(413, f"body is larger than {limit} bytes once decompressed")
    return data


def gunzip(body: bytes, limit: int) -> bytes:
    """Return the one gzip member that the body must be; stops behind the limit."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused(400, f"body is not gzip: {error}") from error
    if len(data) <= limit and (not stream.eof or stream.unused_data):
        raise Refused(400, "body is not one whole gzip member")
    return data


def unzstd(body: bytes, limit: int) -> bytes:
    """Return the first zstd frame's content; stops behind the limit."""
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    try:
        return bytes(reader.stream_reader(body, read_across_frames=False).read(limit + 1))
    except zstandard.ZstdError as error:
        raise Refused(400, f"body is not zstd: {error}") from error
