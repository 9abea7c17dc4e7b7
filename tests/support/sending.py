"""Raw frames onto an interface: one, or millions."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.namespaces import Namespace

_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_PACKET_QDISC_BYPASS = 20
_BATCH = 512
_MMSGHDR = np.dtype(
    [
        ("name", "<u8"), ("name_length", "<u8"), ("iov", "<u8"), ("iov_length", "<u8"),
        ("control", "<u8"), ("control_length", "<u8"), ("flags", "<u8"), ("sent", "<u8"),
    ]
)  # fmt: skip
_IOVEC = np.dtype([("base", "<u8"), ("length", "<u8")])
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Packed:
    """Frames end to end in one buffer, so that millions of sends need no copy."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.uint64]
    lengths: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.offsets)


def pack(frames: Iterable[bytes]) -> Packed:
    kept = list(frames)
    lengths = np.fromiter((len(frame) for frame in kept), np.uint64, len(kept))
    offsets = np.zeros(len(kept), np.uint64)
    np.cumsum(lengths[:-1], out=offsets[1:])
    return Packed(np.frombuffer(b"".join(kept), np.uint8), offsets, lengths)


class Sender:
    """An AF_PACKET socket on one interface; frames pass its qdisc and tc egress hook.

    bypass_qdisc=True sends around both. super_frames=True lets send_super() hand the kernel
    GSO frames.
    """

    def __init__(
        self,
        space: Namespace,
        interface: str,
        *,
        bypass_qdisc: bool = False,
        super_frames: bool = False,
    ) -> None:
        with space.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((interface, 0))
        self._super = super_frames
        if bypass_qdisc:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        if super_frames:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Send frames one by one, each shorter than 14 bytes refused by the kernel."""
        for frame in frames:
            self._socket.send(bytes(10) + frame if self._super else frame)

    def send_super(self, frame: bytes, *, header_bytes: int, segment_bytes: int) -> None:
        """Send one TCP frame that stands for several segments of segment_bytes each.

        header_bytes: Ethernet to the end of the TCP header. frames.super_tcp() builds them.
        """
        kind = 1 if frame[12:14] == b"\x08\x00" else 4
        layer4 = 34 if kind == 1 else 54
        virtio = struct.pack("<BBHHHH", 1, kind, header_bytes, segment_bytes, layer4, 16)
        self._socket.send(virtio + frame)

    def send_packed(
        self,
        packed: Packed,
        order: npt.NDArray[np.integer] | None = None,
        *,
        packets_per_second: float | None = None,
    ) -> int:
        """Send packed frames in the given order (default: all once); return how many.

        Blocks until the kernel took every frame; the interface's tx_dropped tells the rest.
        """
        assert not self._super, "bulk sending has no room for virtio headers"
        picks = np.arange(len(packed)) if order is None else np.asarray(order)
        base = packed.data.ctypes.data
        iov = np.zeros(_BATCH, _IOVEC)
        messages = np.zeros(_BATCH, _MMSGHDR)
        messages["iov"] = iov.ctypes.data + np.arange(_BATCH, dtype=np.uint64) * np.uint64(
            16
        )
        messages["iov_length"] = 1
        started = time.monotonic()
        for start in range(0, len(picks), _BATCH):
            chosen = picks[start : start + _BATCH]
            iov["base"][: len(chosen)] = packed.offsets[chosen] + np.uint64(base)
            iov["length"][: len(chosen)] = packed.lengths[chosen]
            self._flush(messages, len(chosen))
            if packets_per_second:
                ahead = (start + len(chosen)) / packets_per_second - (
                    time.monotonic() - started
                )
                time.sleep(max(0.0, ahead))
        return len(picks)

    def _flush(self, messages: npt.NDArray[np.void], count: int) -> None:
        done = 0
        while done < count:
            at = ctypes.c_void_p(messages.ctypes.data + done * _MMSGHDR.itemsize)
            sent = _libc.sendmmsg(self._socket.fileno(), at, count - done, 0)
            if sent < 0:
                error = ctypes.get_errno()
                raise OSError(error, f"sendmmsg: {error} after {done} of {count} frames")
            done += sent


def send(space: Namespace, interface: str, frames: Sequence[bytes]) -> None:
    """Send a handful of frames."""
    with Sender(space, interface) as sender:
        sender.send(*frames)
