"""A router between two neighbours, and traffic through it.

left -- eth10 [this machine] eth11 -- right
"""

from __future__ import annotations

import subprocess

from guest import run, until

INTERFACES = ("eth10", "eth11")
SPACES = ("left", "right")
SENDER = """
import socket, sys, time
address, count, gap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(count):
    try:
        sock.sendto(bytes(100 + number % 900), (address, 5000 + number % 50))
    except OSError:
        pass
    time.sleep(gap)
"""
SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 9000))
while True:
    one, _ = server.accept()
    while one.recv(65536):
        pass
    one.close()
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 9000), 20) as one:
    for _ in range(200):
        one.sendall(bytes(20000))
"""


def inside(space: str, *command: str) -> tuple[str, ...]:
    """The command as run by a neighbour."""
    return ("ip", "netns", "exec", space, *command)


def python(space: str, program: str, *words: str) -> tuple[str, ...]:
    return inside(space, "python3", "-I", "-S", "-c", program, *words)


def make_router() -> None:
    run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for number, (space, link) in enumerate(zip(SPACES, INTERFACES, strict=True), 1):
        peer = ("peer", "name", "lan0", "netns", space)
        run("ip", "netns", "add", space)
        run("ip", "link", "add", link, "type", "veth", *peer)
        run("ip", "address", "add", f"10.{number}.0.1/24", "dev", link)
        run("ip", "link", "set", link, "up")
        there = ("ip", "-n", space)
        run(*there, "address", "add", f"10.{number}.0.2/24", "dev", "lan0")
        run(*there, "link", "set", "lan0", "up")
        run(*there, "link", "set", "lo", "up")
        run(*there, "route", "add", "default", "via", f"10.{number}.0.1")
    subprocess.Popen(python("right", SERVER))
    listening = inside("right", "ss", "-Hlt", "sport", "9000")
    until(lambda: run(*listening), 30, "the right neighbour listens")


def unmake_router() -> None:
    for space in SPACES:
        for pid in run("ip", "netns", "pids", space).split():
            run("kill", pid, check=False)
        run("ip", "netns", "delete", space)
    shown = ("ip", "-o", "link", "show", "type", "veth")
    until(lambda: not run(*shown), 20, "no link is left")


def send(count: int = 400, gap: float = 0.002) -> subprocess.Popen:
    """Start datagrams from left to right."""
    return subprocess.Popen(python("left", SENDER, "10.2.0.2", str(count), str(gap)))


def traffic() -> None:
    """Datagrams, echoes and a transfer, at once."""
    sender = send()
    run(*inside("left", "ping", "-qc", "20", "-i", "0.05", "10.2.0.2"), check=False)
    run(*python("left", CLIENT, "10.2.0.2"))
    sender.wait()
