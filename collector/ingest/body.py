"""Request bodies to bytes, bounded before and after decompression."""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from collector.records import Refused

ENCODINGS: Final = ("identity", "gzip", "zstd")
ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""RFC 8878 asks decoders for 8 MiB; more only serves to exhaust memory."""

PIECE_BYTES: Final = 256
"""Of zstd at once: a block of 4 bytes can hold 128 KiB, so one step gives 8 MiB at most."""


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
    """Return the one zstd frame that the body must be; stops behind the limit."""
    unpacker = zstandard.ZstdDecompressor(
        max_window_size=ZSTD_WINDOW_BYTES_MAX
    ).decompressobj()
    data, read = bytearray(), 0
    try:
        while not unpacker.eof and read < len(body) and len(data) <= limit:
            data += unpacker.decompress(body[read : read + PIECE_BYTES])
            read += PIECE_BYTES
    except zstandard.ZstdError as error:
        raise Refused(400, f"body is not zstd: {error}") from error
    is_whole = unpacker.eof and not unpacker.unused_data and read >= len(body)
    if len(data) <= limit and not is_whole:
        raise Refused(400, "body is not one whole zstd frame")
    return bytes(data)
