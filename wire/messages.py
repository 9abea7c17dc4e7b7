"""Reading of msgpack maps whose keys, types and lengths are known beforehand.

Containers are bounded twice over: the unpacker is told how long any one may be, and every
value is fetched with the type and length that its key calls for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

from wire.errors import Malformed

MAX_BODY: Final = 64 << 20
"""Bytes of one message: twice what the largest batch (8,192 endpoints) holds."""
MAX_TEXT: Final = 1024
"""Bytes of one string."""
MAX_ITEMS: Final = 512
"""Items of one array or map: long lists travel as columns, so containers stay short."""

_U64: Final = (1 << 64) - 1


def dump(message: Mapping[str, Any]) -> bytes:
    """Return the msgpack bytes of a map; equal maps in equal order give equal bytes."""
    return bytes(msgpack.packb(message, use_bin_type=True, strict_types=True))


def load(data: bytes) -> dict[str, Any]:
    """Return the one map that data holds, or raise Malformed."""
    if len(data) > MAX_BODY:
        raise Malformed(f"message of {len(data)} bytes, at most {MAX_BODY} are read")
    try:
        message = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_str_len=MAX_TEXT,
            max_bin_len=MAX_BODY,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise Malformed(f"not msgpack: {str(error) or type(error).__name__}") from None
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        raise Malformed("not a map with text keys")
    return message


def whole(message: Mapping[str, Any], key: str, most: int = _U64) -> int:
    """Return the integer at key, 0 to most."""
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Malformed(f"{key} is not a whole number from 0 to {most}")
    return value


def flag(message: Mapping[str, Any], key: str) -> bool:
    """Return the boolean at key."""
    value = message.get(key)
    if not isinstance(value, bool):
        raise Malformed(f"{key} is not true or false")
    return value


def text(message: Mapping[str, Any], key: str) -> str:
    """Return the string at key."""
    value = message.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{key} is not text")
    return value


def binary(message: Mapping[str, Any], key: str, size: int | None = None) -> bytes:
    """Return the bytes at key, exactly size of them where size is given."""
    value = message.get(key)
    if not isinstance(value, bytes):
        raise Malformed(f"{key} is not binary")
    if size is not None and len(value) != size:
        raise Malformed(f"{key} has {len(value)} bytes instead of {size}")
    return value


def sequence(message: Mapping[str, Any], key: str, most: int = MAX_ITEMS) -> list[Any]:
    """Return the list at key, at most so many items long."""
    value = message.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise Malformed(f"{key} is not a list of at most {most} items")
    return value


def mapping(message: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the map with text keys at key."""
    return as_mapping(message.get(key), key)


def as_mapping(value: object, name: str) -> dict[str, Any]:
    """Return value if it is a map with text keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed(f"{name} is not a map with text keys")
    return value


def texts(message: Mapping[str, Any], key: str, most: int) -> tuple[str, ...]:
    """Return the list of strings at key."""
    items = sequence(message, key, most)
    if not all(isinstance(item, str) for item in items):
        raise Malformed(f"{key} holds something other than text")
    return tuple(items)


def whole_row(message: Mapping[str, Any], key: str, length: int) -> tuple[int, ...]:
    """Return the list of exactly length unsigned 64-bit integers at key."""
    items = sequence(message, key, length)
    if len(items) != length:
        raise Malformed(f"{key} has {len(items)} numbers instead of {length}")
    return tuple(whole({key: item}, key) for item in items)


def measures(message: Mapping[str, Any], key: str) -> dict[str, int | float | str]:
    """Return the map of text to integer, finite number or text at key."""
    items = mapping(message, key)
    for name, value in items.items():
        plain = isinstance(value, int | float | str) and not isinstance(value, bool)
        if not plain or (isinstance(value, float) and not math.isfinite(value)):
            raise Malformed(f"{key} {name} is neither a finite number nor text")
    return items
