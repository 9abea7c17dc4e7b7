"""Traffic of one link in the guest, one program a role: listen, call, fetch, pour.

The far end listens (calls and bulk alike) and prints what it saw; times are of one machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import selectors
import signal
import socket
import struct
import threading
import time

from shaping_sniff import sniff

STAMP = struct.Struct("!QI")  # sent, nanoseconds of the wall clock; number
CALL_BYTES = 172 - 28  # what 172 bytes of IPv4 leave
GAP_S = 0.02
SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")
STOPPED = threading.Event()


class Phone:
    """Sends to one port, marked; that nobody listens there is no error of its."""

    def __init__(self, address: str, port: int, tos: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.to = (address, port)

    def say(self, number: int, size: int) -> None:
        """Send one datagram."""
        stamped = STAMP.pack(time.time_ns(), number)
        self.socket.sendto(stamped.ljust(size, b"v"), self.to)


def talk(address: str, calls: list[tuple[int, int]], seconds: float) -> None:
    """Send a datagram every 20 ms to each (port, TOS); print how many that were."""
    phones = [Phone(address, *call) for call in calls]
    due, number = time.monotonic(), 0
    end = due + seconds
    while due < end:
        for phone in phones:
            # Apart from each other, and never two at once to catch up.
            due += GAP_S / len(phones)
            time.sleep(max(0.0, due - time.monotonic()))
            phone.say(number, CALL_BYTES)
        number += 1
    print(number, flush=True)


class Call:
    """What arrived at one port."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("", port))
        self.delays_us: list[int] = []
        self.numbers: list[int] = []
        self.tos: set[int] = set()

    def take(self) -> None:
        """Read one datagram; the kernel stamped its arrival."""
        data, ancillary, _, _ = self.socket.recvmsg(2048, 256)
        told = {(level, kind): value for level, kind, value in ancillary}
        seconds, nanoseconds = _TIMESPEC.unpack(told[socket.SOL_SOCKET, SO_TIMESTAMPNS])
        sent_ns, number = STAMP.unpack_from(data)
        self.delays_us.append((seconds * 10**9 + nanoseconds - sent_ns) // 1000)
        self.numbers.append(number)
        self.tos.add(told[socket.IPPROTO_IP, socket.IP_TOS][0])

    def told(self) -> dict:
        """Return it for printing."""
        return {"delays_us": self.delays_us, "numbers": self.numbers, "tos": [*self.tos]}


def hear(ports: list[int], bulk_ports: list[int], begin_s: float, seconds: float) -> None:
    """Take calls and bulk; print both at the end. begin_s: bulk counts from then."""
    waits = selectors.DefaultSelector()
    calls = {port: Call(port) for port in ports}
    for call in calls.values():
        waits.register(call.socket, selectors.EVENT_READ, call.take)
    arrived: dict[socket.socket, list[str | int]] = {}
    buffer = bytearray(1 << 18)
    begin = time.monotonic() + begin_s
    end = begin + seconds

    def fill(one: socket.socket) -> None:
        size = one.recv_into(buffer)
        if not size:
            waits.unregister(one)
        elif begin <= time.monotonic() < end:
            arrived[one][1] += size

    def welcome(server: socket.socket) -> None:
        one, (host, _) = server.accept()
        arrived[one] = [f"{host} {one.getsockname()[1]}", 0]
        waits.register(one, selectors.EVENT_READ, lambda: fill(one))

    for port in bulk_ports:
        server = socket.create_server(("", port), backlog=64)
        waits.register(server, selectors.EVENT_READ, lambda one=server: welcome(one))
    print("ready", flush=True)
    while time.monotonic() < end + 1.5 and not STOPPED.is_set():
        for key, _ in waits.select(0.2):
            key.data()
    rates = [(who, size * 8 / seconds / 1e6) for who, size in arrived.values()]
    told = {str(port): call.told() for port, call in calls.items()}
    print(json.dumps({"calls": told, "megabits": rates}), flush=True)


def pour(address: str, sources: list[str], ports: list[int], seconds: float) -> None:
    """Bulk TCP, one flow a source (0.0.0.0: any) and port."""
    end = time.monotonic() + seconds

    def flow(source: str, port: int) -> None:
        data = memoryview(bytes(1 << 16))
        while time.monotonic() < end:
            try:
                with socket.create_connection((address, port), 20, (source, 0)) as one:
                    one.settimeout(1)
                    while time.monotonic() < end:
                        _push(one, data)
            except OSError:
                time.sleep(0.2)

    flows = [(source, port) for source in sources for port in ports]
    threads = [threading.Thread(target=flow, args=one, daemon=True) for one in flows]
    for one in threads:
        one.start()
    for one in threads:
        one.join(max(0.0, end + 3 - time.monotonic()))


def _push(one: socket.socket, data: memoryview) -> None:
    with contextlib.suppress(TimeoutError):
        one.send(data)


def flood(
    address: str, calls: list[tuple[int, int]], megabits: float, seconds: float
) -> None:
    """Datagrams of 1,000 bytes at an even rate to each (port, TOS); print how many."""
    phones = [Phone(address, *call) for call in calls]
    gap = 1028 * 8 / megabits / 1e6
    begin = time.monotonic()
    number = 0
    while (now := time.monotonic()) < begin + seconds and not STOPPED.is_set():
        while number * gap < now - begin:
            for phone in phones:
                phone.say(number, 1000)
            number += 1
        time.sleep(0.004)
    print(number, flush=True)


def until_told() -> None:
    """End the loops of this program at once, but let them say what they saw."""
    signal.signal(signal.SIGTERM, lambda *_: STOPPED.set())


def pairs(text: str) -> list[tuple[int, int]]:
    """Return [(port, TOS)] of 5060:184,7000:0."""
    found = [word.split(":") for word in text.split(",") if word]
    return [(int(port), int(tos)) for port, tos in found]


def numbers(text: str) -> list[int]:
    """Return [1, 2] of 1,2."""
    return [int(word) for word in text.split(",") if word]


def main() -> None:
    """Play one role."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("talk", "hear", "pour", "flood", "sniff"))
    parser.add_argument("--address", default="")
    parser.add_argument("--calls", type=pairs, default=[])
    parser.add_argument("--ports", type=numbers, default=[])
    parser.add_argument("--bulk", type=numbers, default=[])
    parser.add_argument("--sources", type=lambda text: text.split(","), default=["0.0.0.0"])
    parser.add_argument("--begin", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--megabits", type=float, default=1.0)
    given = parser.parse_args()
    until_told()
    if given.role == "talk":
        talk(given.address, given.calls, given.seconds)
    elif given.role == "hear":
        hear(given.ports, given.bulk, given.begin, given.seconds)
    elif given.role == "pour":
        pour(given.address, given.sources, given.bulk, given.seconds)
    elif given.role == "sniff":
        sniff("lan0", given.seconds)
    else:
        flood(given.address, given.calls, given.megabits, given.seconds)


if __name__ == "__main__":
    main()
