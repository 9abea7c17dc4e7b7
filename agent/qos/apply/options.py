"""Options of qdiscs and classes as the kernel writes them (linux/pkt_sched.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from agent.qos.tree import TICK_NS, Class, Options, Qdisc

_HTB_PARMS, _HTB_INIT, _HTB_DIRECT_QLEN, _HTB_RATE64, _HTB_CEIL64 = 1, 2, 5, 6, 7
_HTB_VERSION: Final = 3
_RATE: Final = struct.Struct("=BBHhHI")  # cell_log linklayer overhead cell_align mpu rate
_ETHERNET, _ATM = 1, 2
_MAX_U32: Final = 0xFFFFFFFF
# Inner classes are not leaves, but start as ones: a quantum keeps the kernel from warning.
_INNER_QUANTUM: Final = 1514
_INNER_MINORS: Final = 0x10

# Attribute number and width of every option; rates travel in bytes a second.
_FQ_CODEL: Final = {
    "target_us": 1, "limit": 2, "interval_us": 3, "ecn": 4, "flows": 5,
    "quantum_bytes": 6, "memory_bytes": 9,
}  # fmt: skip
# Target, interval, threshold of marking.
_CODEL_TIMES: Final = {"fq_codel": (1, 3, 7), "codel": (1, 3, 5)}
_CAKE: Final = {
    "bandwidth_bps": 2, "diffserv": 3, "atm": 4, "flow_mode": 5, "overhead_bytes": 6,
    "rtt_us": 7, "autorate": 9, "nat": 11, "wash": 13, "mpu_bytes": 14, "ingress": 15,
    "ack_filter": 16, "split_gso": 17,
}  # fmt: skip
_CAKE_RAW: Final = 12


class Unreadable(ValueError):
    """Options that are not as the kernel writes them."""


def attribute(number: int, value: bytes) -> bytes:
    """Return one netlink attribute: length, number, value, padding to 4 bytes."""
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Return attribute number -> value. Raises Unreadable for a length that cannot be."""
    return dict(_walk(data))


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, number = struct.unpack_from("=HH", data, offset)
        if length < 4 or offset + length > len(data):
            raise Unreadable(f"attribute {number} at {offset} claims {length} bytes")
        yield number & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def encode_qdisc(qdisc: Qdisc, *, is_change: bool) -> bytes:
    """Return a qdisc's TCA_OPTIONS. Raises Unreadable for a kind that Weir never makes."""
    if qdisc.raw or not qdisc.options:
        return _given_back(qdisc.kind, bytes.fromhex(qdisc.raw))
    values = dict(qdisc.options)
    if qdisc.kind in ("pfifo", "bfifo"):
        return struct.pack("=I", values["limit"])
    if qdisc.kind == "sfq":
        return struct.pack(
            "=IiIII", values["quantum_bytes"], values["perturb_s"], values["limit"], 0, 0
        )
    if qdisc.kind == "htb":
        init = struct.pack("=5I", _HTB_VERSION, values["r2q"], values["default"], 0, 0)
        length = struct.pack("=I", values["direct_packets"])
        return attribute(_HTB_INIT, init) + attribute(_HTB_DIRECT_QLEN, length)
    if qdisc.kind == "fq_codel":
        if is_change:
            del values["flows"]
        return _encode(_FQ_CODEL, values)
    if qdisc.kind == "cake":
        is_raw = values.pop("raw", 0)
        return _encode(_CAKE, values) + attribute(_CAKE_RAW, bytes(4)) * is_raw
    raise Unreadable(f"qdisc kind {qdisc.kind} is not one that Weir makes")


def _given_back(kind: str, data: bytes) -> bytes:
    """Return a stranger's options so that the kernel will show them as it did.

    Codel's times are kept in units of 1.024 us and shown in us, both rounded down: what was
    shown would come back as the unit below; a microsecond more is the same unit.
    """
    times = _CODEL_TIMES.get(kind, ())
    if not times:
        return data
    return b"".join(
        attribute(number, _later(value) if number in times and len(value) == 4 else value)
        for number, value in _walk(data)
    )


def _later(value: bytes) -> bytes:
    return struct.pack("=I", min(struct.unpack("=I", value)[0] + 1, _MAX_U32))


def decode_qdisc(kind: str, data: bytes) -> Options:
    """Return the options of a qdisc that Weir made, sorted by name. Raises Unreadable."""
    try:
        return tuple(sorted(_decode_qdisc(kind, data).items()))
    except (struct.error, KeyError) as error:
        raise Unreadable(f"{kind}: {data.hex()} is not as expected: {error}") from error


def _decode_qdisc(kind: str, data: bytes) -> dict[str, int]:
    if kind in ("pfifo", "bfifo"):
        return {"limit": struct.unpack_from("=I", data)[0]}
    if kind == "sfq":
        quantum, perturb, limit = struct.unpack_from("=IiI", data)
        return {"quantum_bytes": quantum, "perturb_s": perturb, "limit": limit}
    found = attributes(data)
    if kind == "htb":
        _, r2q, default, _, _ = struct.unpack("=5I", found[_HTB_INIT])
        (direct,) = struct.unpack("=I", found[_HTB_DIRECT_QLEN])
        return {"r2q": r2q, "default": default, "direct_packets": direct}
    if kind == "fq_codel":
        return _decode(_FQ_CODEL, found)
    if kind == "cake":
        return {**_decode(_CAKE, found), "raw": int(_CAKE_RAW in found)}
    raise KeyError(kind)


def _encode(numbers: dict[str, int], values: dict[str, int]) -> bytes:
    parts = []
    for name, value in values.items():
        if name == "bandwidth_bps":
            data = struct.pack("=Q", value // 8)
        else:
            data = struct.pack("=i" if value < 0 else "=I", value)
        parts.append(attribute(numbers[name], data))
    return b"".join(parts)


def _decode(numbers: dict[str, int], found: dict[int, bytes]) -> dict[str, int]:
    values = {}
    for name, number in numbers.items():
        if name == "bandwidth_bps":
            values[name] = struct.unpack("=Q", found[number])[0] * 8
        else:
            values[name] = struct.unpack("=I", found[number])[0]
    return values


def encode_class(one: Class) -> bytes:
    """Return an HTB class's TCA_OPTIONS: all of them, since a change needs all."""
    rate, ceil = one.rate_bps // 8, one.ceil_bps // 8
    layer = _ATM if one.is_atm else _ETHERNET

    def spec(bytes_s: int) -> bytes:
        short = min(bytes_s, _MAX_U32)
        return _RATE.pack(0, layer, one.overhead_bytes, 0, one.mpu_bytes, short)

    parms = spec(rate) + spec(ceil)
    parms += struct.pack(
        "=5I",
        one.burst_ns // TICK_NS,
        one.ceil_burst_ns // TICK_NS,
        one.quantum_bytes or _INNER_QUANTUM,
        0,
        one.priority,
    )
    data = attribute(_HTB_PARMS, parms)
    for number, bytes_s in ((_HTB_RATE64, rate), (_HTB_CEIL64, ceil)):
        if bytes_s >= _MAX_U32:
            data += attribute(number, struct.pack("=Q", bytes_s))
    return data


def decode_class(device: str, handle: int, parent: int, data: bytes) -> Class:
    """Return the HTB class that the kernel describes. Raises Unreadable."""
    found = attributes(data)
    try:
        parms = found[_HTB_PARMS]
        _, layer, overhead, _, mpu, rate = _RATE.unpack_from(parms, 0)
        ceil = _RATE.unpack_from(parms, _RATE.size)[5]
        burst, ceil_burst, quantum, _, priority = struct.unpack_from(
            "=5I", parms, 2 * _RATE.size
        )
    except (struct.error, KeyError) as error:
        raise Unreadable(f"htb class {handle:x}: {data.hex()}: {error}") from error
    if _HTB_RATE64 in found:
        (rate,) = struct.unpack("=Q", found[_HTB_RATE64])
    if _HTB_CEIL64 in found:
        (ceil,) = struct.unpack("=Q", found[_HTB_CEIL64])
    is_inner = handle & 0xFFFF < _INNER_MINORS
    return Class(
        device,
        handle,
        parent,
        rate * 8,
        ceil * 8,
        burst * TICK_NS,
        ceil_burst * TICK_NS,
        0 if is_inner else quantum,
        0 if is_inner else priority,
        overhead,
        mpu,
        layer == _ATM,
    )
