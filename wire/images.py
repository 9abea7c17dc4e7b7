"""What a serialised sketch may look like, checked before the library reads it.

The library trusts its input: an image with a forged length makes it read outside of the
buffer. So nothing from outside reaches it unless every length in the image agrees with the
image's size. Each function returns nothing or raises Malformed; the layouts are in
docs/wire-format.md.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from wire.errors import Malformed

HLL_LG_K: Final = range(10, 13)
FREQUENT_LG_SIZE: Final = range(3, 11)
KLL_K: Final = range(8, 513)

_HLL_LIST, _HLL_SET, _HLL_ARRAY = 0, 1, 2
_HLL_8: Final = 2
_KLL_M: Final = 8
_COUNT_MIN_HEADER: Final = struct.Struct("<BBBBIIBHB")
_KLL_HEADER: Final = struct.Struct("<BBBBHBBQHBB")


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise Malformed(what)


def check_hll(data: bytes) -> None:
    """HLL_8, compact form, lg_k in HLL_LG_K."""
    _need(len(data) >= 8, "an HLL sketch is cut off")
    preamble, version, family, lg_k, _, flags, count, mode = data[:8]
    _need(
        (version, family) == (1, 7) and lg_k in HLL_LG_K, "not an HLL sketch of known size"
    )
    _need(mode >> 2 == _HLL_8 and mode & 3 != 3, "not an HLL_8 sketch")
    if mode & 3 == _HLL_ARRAY:
        _need(
            preamble == 10 and len(data) == 40 + (1 << lg_k),
            "an HLL array has a wrong size",
        )
        sums = struct.unpack_from("<ddd", data, 8)
        _need(bool(np.isfinite(sums).all()), "an HLL array's sums are not finite")
        _need(
            max(data[40:]) < 64 and data[36:40] == bytes(4),
            "an HLL register is out of range",
        )
        return
    _need(bool(flags & 8), "an HLL sketch is not in compact form")
    start = 8
    if mode & 3 == _HLL_SET:
        _need(preamble == 3 and len(data) >= 12, "an HLL set is cut off")
        count, start = int.from_bytes(data[8:12], "little"), 12
        _need(count <= 1 << (lg_k - 3), "an HLL set is too large")
    else:
        _need(preamble == 2 and count <= 8, "an HLL list is too large")
    _need(len(data) == start + 4 * count, "an HLL sketch does not have its coupons' size")
    coupons = np.frombuffer(data, "<u4", count, start)
    _need(bool((coupons >> 26 > 0).all()), "an HLL coupon is empty")


def check_count_min(data: bytes, hashes: int, buckets: int) -> None:
    """Count-Min of exactly this shape with the library's default seed."""
    size = _COUNT_MIN_HEADER.size
    _need(len(data) >= size, "a Count-Min sketch is cut off")
    preamble, version, family, flags, _, width, depth, seed, _ = (
        _COUNT_MIN_HEADER.unpack_from(data)
    )
    _need((preamble, version, family) == (2, 1, 18) and flags < 2, "not a Count-Min sketch")
    _need(
        (depth, width, seed) == (hashes, buckets, SEED_HASH), "another shape of Count-Min"
    )
    cells = 0 if flags & 1 else 1 + hashes * buckets
    _need(len(data) == size + 8 * cells, "a Count-Min sketch has a wrong size")
    counts = np.frombuffer(data, "<f8", cells, size)
    _need(
        bool(((counts >= 0) & (counts < 2.0**63)).all()), "a Count-Min cell is out of range"
    )


SEED_HASH: Final = 0x93CC
"""Of the library's default seed 9001."""


def check_frequent(data: bytes) -> None:
    """Frequent items, strings."""
    _need(len(data) >= 8, "a frequent items sketch is cut off")
    preamble, version, family, lg_most, lg_now, flags = data[:6]
    _need((version, family) == (1, 10) and flags < 8, "not a frequent items sketch")
    sizes = lg_most in FREQUENT_LG_SIZE and FREQUENT_LG_SIZE.start <= lg_now <= lg_most
    _need(sizes, "a frequent items sketch of unknown size")
    if preamble == 1:
        _need(
            len(data) == 8 and bool(flags & 5),
            "an empty frequent items sketch is not empty",
        )
        return
    _need(
        preamble == 4 and len(data) >= 32 and not flags & 5, "not a frequent items sketch"
    )
    count, _, total, offset = struct.unpack_from("<IIQQ", data, 8)
    _need(0 < count <= 3 << (lg_now - 2), "a frequent items sketch with too many items")
    _need(len(data) >= 32 + 12 * count, "a frequent items sketch is cut off")
    weights = struct.unpack_from(f"<{count}Q", data, 32)
    _need(
        all(weights) and sum(weights) <= total < 1 << 63,
        "frequent items outweigh the total",
    )
    _need(offset <= total, "a frequent items sketch's error is above its total")
    end = 32 + 8 * count
    for _ in range(count):
        end = _string_end(data, end)
    _need(end == len(data), "a frequent items sketch has a wrong size")


def _string_end(data: bytes, start: int) -> int:
    end = start + 4 + int.from_bytes(data[start : start + 4], "little")
    _need(start + 4 <= len(data) and end <= len(data), "a frequent item is cut off")
    try:
        data[start + 4 : end].decode()
    except UnicodeDecodeError:
        raise Malformed("a frequent item is not UTF-8") from None
    return end


def check_kll(data: bytes) -> None:
    """KLL of float32, k in KLL_K, m 8."""
    _need(len(data) >= 8, "a KLL sketch is cut off")
    preamble, version, family, flags, k, m = struct.unpack_from("<BBBBHB", data)
    _need(family == 15 and m == _KLL_M and k in KLL_K and flags < 16, "not a KLL sketch")
    if preamble == 2:
        items = 1 if flags & 4 else 0
        _need(
            (version, flags & 5) in ((1, 1), (2, 4)), "not a KLL sketch of one item or none"
        )
        _need(len(data) == 8 + 4 * items, "a KLL sketch has a wrong size")
        _need_finite(data, 8)
        return
    _need(
        (preamble, version, flags & 5) == (5, 1, 0) and len(data) >= 20, "not a KLL sketch"
    )
    *_, count, least_k, levels, _ = _KLL_HEADER.unpack_from(data)
    _need(8 <= least_k <= k and 0 < levels <= 60, "a KLL sketch of impossible depth")
    capacity = _kll_capacity(k, levels)
    start = 20 + 4 * levels
    _need(len(data) >= start, "a KLL sketch is cut off")
    edges = [*struct.unpack_from(f"<{levels}I", data, 20), capacity]
    sizes = [high - low for low, high in zip(edges[:-1], edges[1:], strict=True)]
    _need(min(sizes) >= 0, "a KLL sketch's levels are out of order")
    _need(len(data) == start + 8 + 4 * sum(sizes), "a KLL sketch has a wrong size")
    _need(
        sum(size << level for level, size in enumerate(sizes)) == count,
        "KLL count is wrong",
    )
    _need_finite(data, start)


def _kll_capacity(k: int, levels: int) -> int:
    return sum(max(_KLL_M, _kll_level(k, levels - level - 1)) for level in range(levels))


def _kll_level(k: int, depth: int) -> int:
    """Return round(k * (2/3) ** depth), as the library does it: in integers."""
    if depth > 30:
        half = depth // 2
        return _kll_level(_kll_level(k, half), depth - half)
    twice = (k << (depth + 1)) // int(3**depth)
    return (twice + 1) >> 1


def _need_finite(data: bytes, start: int) -> None:
    values = np.frombuffer(data, "<f4", -1, start)
    _need(bool(np.isfinite(values).all()), "a KLL item is not finite")
