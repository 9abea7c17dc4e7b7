"""Frames that carry their class and number, sent as fast as the tree lets them."""

from __future__ import annotations

import socket
import statistics
import struct
import threading
import time
from collections import defaultdict
from contextlib import contextmanager

from agent.records import CLASS_NAMES
from tests.support.namespaces import Namespace

ETHERTYPE = 0x88B5  # local experiments
SIZE = 1514
_HEADER = struct.Struct("!6s6sHBI")
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
PROBE_TYPE = 0x88B6


class Sender:
    """Keeps a backlog of its own class; blocks when its socket buffer is in the queue."""

    def __init__(self, space: Namespace, device: str, name: str, base=0x57450010) -> None:
        self.number = CLASS_NAMES.index(name)
        self.sent = 0
        self._stop = threading.Event()
        with space.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((device, ETHERTYPE))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 60_000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, base + self.number)
        self._socket.settimeout(0.5)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            head = _HEADER.pack(b"\x02" * 6, b"\x04" * 6, ETHERTYPE, self.number, self.sent)
            try:
                self._socket.send(head.ljust(SIZE, b"\0"))
            except TimeoutError:
                continue
            self.sent += 1


class Receiver:
    """Notes the numbers of every class in the order of arrival."""

    def __init__(self, space: Namespace, device: str) -> None:
        with space.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)
            )
        self._socket.bind((device, ETHERTYPE))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.settimeout(0.2)
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        buffer = bytearray(SIZE)
        while True:
            try:
                self._socket.recv_into(buffer)
            except TimeoutError:
                if self._stop.is_set():
                    return
                continue
            _, _, _, number, count = _HEADER.unpack_from(buffer)
            self.numbers[CLASS_NAMES[number]].append(count)

    def rates(self, seconds: float) -> dict[str, float]:
        """Measure megabits a second of every class: the median of five windows.

        The median, because a busy machine may keep this thread from reading for a while.
        """
        windows = [self._window(seconds / 5) for _ in range(5)]
        return {
            name: statistics.median(window.get(name, 0.0) for window in windows)
            for name in windows[-1]
        }

    def _window(self, seconds: float) -> dict[str, float]:
        before = {name: len(seen) for name, seen in self.numbers.items()}
        start = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - start
        return {
            name: (len(seen) - before.get(name, 0)) * SIZE * 8 / passed / 1e6
            for name, seen in list(self.numbers.items())
        }


@contextmanager
def traffic(left, right, *names, settle_s=0.5):
    """Saturate classes from left0 to right0; yield receiver and senders."""
    with Receiver(right, "right0") as receiver:
        senders = [Sender(left, "left0", name) for name in names]
        for sender in senders:
            sender.__enter__()
        try:
            time.sleep(settle_s)
            yield receiver, senders
        finally:
            for sender in senders:
                sender._stop.set()
            for sender in senders:
                sender.__exit__()
            time.sleep(0.3)


def probe_delays_s(left, right, name: str, probes: int, gap_s: float = 0.01) -> list[float]:
    """Send small frames of a class one by one; return how long each was on its way.

    Arrival is stamped by the kernel: a receiver that is kept waiting does not count.
    """
    with left.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("left0", PROBE_TYPE))
    priority = 0x57450010 + CLASS_NAMES.index(name)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, priority)
    with right.entered():
        receiver = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROBE_TYPE)
        )
    receiver.bind(("right0", PROBE_TYPE))
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.settimeout(5)
    sent, delays = [], []
    head = b"\x02" * 6 + b"\x04" * 6 + PROBE_TYPE.to_bytes(2, "big")
    with sender, receiver:
        for number in range(probes):
            sent.append(time.time_ns())
            sender.send((head + number.to_bytes(4, "big")).ljust(172, b"\0"))
            time.sleep(gap_s)
        for _ in range(probes):
            data, ancillary, _, _ = receiver.recvmsg(256, 64)
            seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
            number = int.from_bytes(data[14:18], "big")
            delays.append((seconds * 10**9 + nanoseconds - sent[number]) / 1e9)
    return delays
