"""BTF written by hand: what the kernel must know of a map that holds a lock.

Source: the kernel's Documentation/bpf/btf.rst.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

_MAGIC: Final = 0xEB9F
_INT, _ARRAY, _STRUCT, _FUNC, _FUNC_PROTO = 1, 3, 4, 12, 13
LOCK: Final = "lock"
"""The field of a structure that is a struct bpf_spin_lock."""


@dataclass(slots=True)
class Types:
    """Types added one by one; each addition returns its type's number."""

    _types: bytearray = field(default_factory=bytearray)
    _strings: bytearray = field(default_factory=lambda: bytearray(b"\0"))
    _count: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def blob(self) -> bytes:
        """Everything added, as BPF_BTF_LOAD takes it."""
        types, strings = len(self._types), len(self._strings)
        head = struct.pack("=HBBIIIII", _MAGIC, 1, 0, 24, 0, types, types, strings)
        return head + self._types + self._strings

    def integer(self, size: int) -> int:
        """An unsigned integer of 1, 2, 4 or 8 bytes."""
        name = f"__u{8 * size}"
        if name not in self._known:
            self._known[name] = self._add(name, _INT, 0, size, struct.pack("=I", 8 * size))
        return self._known[name]

    def structure(self, name: str, dtype: np.dtype[Any]) -> int:
        """A structure with the fields of a numpy dtype; a field `lock` is a spin lock."""
        members = [
            (field_name, self._member(field_name, entry[0]), 8 * entry[1])
            for field_name, entry in (dtype.fields or {}).items()
        ]
        return self._structure(name, dtype.itemsize, members)

    def function(self, name: str) -> int:
        """A static function that returns an int."""
        if "()" not in self._known:
            self._known["()"] = self._add("", _FUNC_PROTO, 0, self.integer(4), b"")
        return self._add(name, _FUNC, 0, self._known["()"], b"")

    def _member(self, name: str, dtype: np.dtype[Any]) -> int:
        if name == LOCK:
            value = [("val", self.integer(4), 0)]
            return self._structure("bpf_spin_lock", 4, value)
        if dtype.subdtype is not None:
            element, shape = dtype.subdtype
            found = self._member("", element)
            for length in reversed(shape):
                found = self._array(found, length)
            return found
        if dtype.kind == "S":
            return self._array(self.integer(1), dtype.itemsize)
        if dtype.fields is None:
            return self.integer(dtype.itemsize)
        key = str(dtype)
        if key not in self._known:
            self._known[key] = self.structure("", dtype)
        return self._known[key]

    def _array(self, element: int, length: int) -> int:
        return self._add(
            "", _ARRAY, 0, 0, struct.pack("=III", element, self.integer(4), length)
        )

    def _structure(self, name: str, size: int, members: list[tuple[str, int, int]]) -> int:
        rest = b"".join(
            struct.pack("=III", self._string(member), found, bits)
            for member, found, bits in members
        )
        return self._add(name, _STRUCT, len(members), size, rest)

    def _string(self, text: str) -> int:
        if not text:
            return 0
        at = len(self._strings)
        self._strings += text.encode() + b"\0"
        return at

    def _add(self, name: str, kind: int, length: int, size: int, rest: bytes) -> int:
        self._types += struct.pack("=III", self._string(name), kind << 24 | length, size)
        self._types += rest
        self._count += 1
        return self._count
