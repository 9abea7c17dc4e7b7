"""A slow link in the guest: left - eth10 [Weir] eth11 - right, which answers 20 ms later.

What shapes eth11 changes, all else stays: the agent counts, classifies and controls under
each of them. The way out is as long as its queue; what comes back is delayed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from guest import run, status, until
from router import inside

WAN = "eth11"
LINK_MBPS = 20
HERE = Path(__file__).parent
PYTHON = "/usr/lib/weir/agent/bin/python3"
# The qdiscs that Weir is compared with.
OTHERS = {
    "tail drop": f"tbf rate {LINK_MBPS}mbit burst 5kb limit 1500kb",  # 1,000 full frames
    "cake": f"cake bandwidth {LINK_MBPS}mbit diffserv4 dual-srchost nat",
}


def settings(
    shaper: str = "htb", mode: str = "observe", rules: str = "", more: str = ""
) -> str:
    """The section of the settings."""
    return (
        f'\n[qos]\nmode = "{mode}"\n{more}[[qos.interface]]\nname = "{WAN}"\n'
        f'egress_mbps = {LINK_MBPS}\nshaper = "{shaper}"\n{rules}'
    )


@contextmanager
def far_end() -> Iterator[None]:
    """Have the far end answer 20 ms later."""
    delay = ("netem", "delay", "20ms", "limit", "10000")
    run("tc", "-n", "right", "qdisc", "replace", "dev", "lan0", "root", *delay)
    try:
        yield
    finally:
        run("tc", "-n", "right", "qdisc", "del", "dev", "lan0", "root", check=False)


@cache
def _operator() -> subprocess.Popen:
    program = str(HERE / "shaping_operator.py")
    pipe = subprocess.PIPE
    return subprocess.Popen((PYTHON, "-IB", program), stdin=pipe, stdout=pipe, text=True)


def _answer(name: str, words: dict[str, object]) -> dict:
    working = _operator()
    print(json.dumps({"order": name, **words}), file=working.stdin, flush=True)
    return json.loads(working.stdout.readline() or '{"refused": "it ended"}')


def order(name: str, **words: object) -> dict:
    """Have the package's code do something; what it answers. Raises AssertionError."""
    answer = _answer(name, words)
    assert "done" in answer, answer["refused"]
    return answer["done"]


def refusal(name: str, **words: object) -> str:
    """Have the package's code refuse something; in which words. Raises AssertionError."""
    answer = _answer(name, words)
    assert "refused" in answer, answer
    return answer["refused"]


@contextmanager
def under(name: str) -> Iterator[None]:
    """Shape the link: tail drop, cake, weir htb, weir cake. The agent runs and observes."""
    if name in OTHERS:
        run("tc", "qdisc", "replace", "dev", WAN, "root", *OTHERS[name].split())
        try:
            yield
        finally:
            run("tc", "qdisc", "del", "dev", WAN, "root", check=False)
        return
    text = settings(name.removeprefix("weir "))
    order("apply", settings=text)
    try:
        yield
    finally:
        order("revert", settings=text)


def tree() -> str:
    """What stands on the link."""
    return run("tc", "qdisc", "show", "dev", WAN)


def branch_packets(name: str) -> dict[str, int]:
    """Packets of a class in either branch, as tc tells."""
    number = CLASSES.index(name)
    found = {}
    for branch, base in (("active", 0x10), ("baseline", 0x20)):
        handle = f"5745:{base + number:x}"
        told = run("tc", "-s", "class", "show", "dev", WAN, "classid", handle)
        words = told.split()
        found[branch] = int(words[words.index("pkt") - 1]) if "pkt" in words else 0
    return found


def ceiling_of(name: str, branch: str) -> str:
    """A class's ceiling as tc prints it."""
    base = {"active": 0x10, "baseline": 0x20}[branch]
    handle = f"5745:{base + CLASSES.index(name):x}"
    words = run("tc", "class", "show", "dev", WAN, "classid", handle).split()
    return words[words.index("ceil") + 1]


CLASSES = ("unknown", "voice", "video", "interactive", "web", "file", "background")


def sent_bytes() -> dict[str, int]:
    """Bytes that each class of the tree has sent, both branches, as tc tells."""
    found = dict.fromkeys(CLASSES, 0)
    words = run("tc", "-s", "class", "show", "dev", WAN).split()
    for place, word in enumerate(words):
        if word == "htb" and words[place + 1].startswith("5745:"):
            number = int(words[place + 1].removeprefix("5745:"), 16)
            if 0x10 <= number < 0x27 and number & 0xF < len(CLASSES):
                sent = int(words[words.index("Sent", place) + 1])
                found[CLASSES[number & 0xF]] += sent
    return found


def problems() -> list[str]:
    """What the agent says is wrong with QoS."""
    return [line for line in status()["problems"] if line.startswith("qos")]


def obeyed(voice_tos: int = 0xB8) -> None:
    """Wait until packets take the active branch: the agent has told them to."""
    call = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.setsockopt(0, 1, {voice_tos}); s.sendto(b'x', ('10.2.0.2', 9))"
    )
    before = branch_packets("voice")["active"]

    def arrived() -> bool:
        run(*inside("left", "python3", "-I", "-S", "-c", call))
        return branch_packets("voice")["active"] > before

    until(arrived, 30, "packets take the active branch")
