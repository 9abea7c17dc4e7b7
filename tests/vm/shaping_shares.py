"""Who gets what of a full link: classes, hosts, and nobody's packets lost by a change."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter

from guest import ask, restart, run, say, until
from shaping_latency import FAR, far_end, role
from shaping_link import (
    CLASSES,
    LINK_MBPS,
    WAN,
    ceiling_of,
    obeyed,
    order,
    sent_bytes,
    settings,
    under,
)  # fmt: skip

# A port and a TOS that make a class; ECT(0), so that a queue marks where it would drop.
FLOODS = {
    "unknown": (7007, 2),
    "voice": (7001, 46 << 2 | 2),
    "video": (7002, 34 << 2 | 2),
    "interactive": (7003, 18 << 2 | 2),
    "web": (80, 2),
    "file": (7005, 10 << 2 | 2),
    "background": (7006, 1 << 2 | 2),
}
# Percent of the link by default: guaranteed, and never exceeded (docs/qos.md).
GUARANTEES = {
    "unknown": 5, "voice": 10, "video": 30, "interactive": 15, "web": 25, "file": 12,
    "background": 3,
}  # fmt: skip
CEILINGS = {"background": 90, "voice": 30, "video": 90, "web": 100}


def calls(*names: str) -> str:
    """The floods of some classes as shaping_traffic.py takes them."""
    return ",".join("{}:{}".format(*FLOODS[name]) for name in names)


def pouring(names: tuple[str, ...], megabits: float, seconds: float) -> subprocess.Popen:
    """Start floods of some classes, so much each."""
    asked = calls(*names)
    return role(
        "left", "flood", address=FAR, calls=asked, megabits=megabits, seconds=seconds
    )


def rates(names: tuple[str, ...], megabits: float, seconds: float = 3) -> dict[str, float]:
    """Mbit/s that each class sent while some of them ask for so much each."""
    source = pouring(names, megabits, seconds + 2)
    time.sleep(1.5)
    before, begun = sent_bytes(), time.monotonic()
    time.sleep(seconds)
    after, took = sent_bytes(), time.monotonic() - begun
    source.wait(60)
    until(lambda: waiting() == 0, 60, "the queues are empty")
    return {name: (after[name] - before[name]) * 8 / took / 1e6 for name in CLASSES}


def two_places(figures: dict[str, float]) -> str:
    return json.dumps({key: round(value, 2) for key, value in figures.items()})


def every_class_keeps_its_guarantee() -> None:
    """All seven ask for more than there is; each gets at least 95 % of what is its own."""
    found = rates(CLASSES, 8)
    say("FACT guarantees", two_places(found))
    short = {
        name: found[name]
        for name, percent in GUARANTEES.items()
        if found[name] < 0.95 * percent * LINK_MBPS / 100
    }
    assert not short, f"less than guaranteed: {two_places(short)} of {two_places(found)}"
    assert abs(sum(found.values()) - LINK_MBPS) <= 0.05 * LINK_MBPS, two_places(found)


def a_class_alone_borrows_up_to_its_ceiling() -> None:
    """What nobody uses is had by whoever asks; its ceiling holds within 5 %."""
    restart()  # nobody's bursts are remembered, for which background would make room
    obeyed()
    wrong = []
    for name, percent in CEILINGS.items():
        # What others asked for just now still holds background down.
        free = ceiling_of(name, "baseline")
        until(lambda n=name, c=free: ceiling_of(n, "active") == c, 90, f"{name} is let go")
        got = rates((name,), 25)[name]
        say("FACT ceiling", name, f"{got:.2f} of {percent * LINK_MBPS / 100:g} Mbit/s")
        if not abs(got / (percent * LINK_MBPS / 100) - 1) <= 0.05:
            wrong.append(f"{name} {got:.2f} Mbit/s, ceiling {percent} %")
    assert not wrong, "; ".join(wrong)


def put_rule(name: str, least: float, most: float, priority: int) -> None:
    """Give a class a rule as the API takes it."""
    rule = {
        "traffic_type": name,
        "min_bandwidth": least,
        "max_bandwidth": most,
        "priority": priority,
        "dscp": 10,  # a rule without one takes the mark away
    }
    answer = ask("/qos/rule", "POST", json.dumps(rule).encode())
    assert answer.get("status") == "success", answer


def rules_reload_without_loss() -> None:
    """Twenty rules by API while queues stand: each reaches the tree, no packet is lost."""
    with Backlog("web", "file", "background") as backlog:
        for number in range(20):
            most = 4 + number % 7
            put_rule("file", 1, most, number % 4)
            until(
                lambda most=most: ceiling_of("file", "baseline") == f"{most}Mbit",
                10,
                "the rule",
            )
    backlog.check()
    got = rates(("file",), 12)["file"]
    say("FACT ceiling file", f"{got:.2f} of {most} Mbit/s, by rule")
    assert abs(got / most - 1) <= 0.05, got


def rates_move_without_loss() -> None:
    """A thousand changes of class and link rates under standing queues."""
    with Backlog("voice", "web", "background") as backlog:
        text = settings()
        told = order("move", settings=text, device=WAN, changes=1000, seed=1)
        say("FACT moves", json.dumps(told))
    assert told["changes"] >= 1000, told
    assert told["most_waiting"] > 20, f"there was nothing to lose: {told}"
    backlog.check()


class Backlog:
    """Floods of some classes, at times more than they get, heard at the far end."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.told: dict = {}

    def __enter__(self) -> Backlog:
        ports = ",".join(str(FLOODS[name][0]) for name in self.names)
        until(lambda: waiting() == 0, 90, "the queues are empty")
        self.before = dropped()
        self.far = role("right", "hear", ports=ports, seconds=600)
        assert self.far.stdout.readline() == "ready\n"
        self.source = role(
            "left",
            "flood",
            address=FAR,
            calls=calls(*self.names),
            megabits=4.2,
            seconds=600,
        )
        time.sleep(1)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.source.terminate()
        self.sent = int(self.source.communicate(timeout=60)[0] or -1)
        until(lambda: waiting() == 0, 30, "the queues are empty")
        self.far.terminate()
        text = self.far.communicate(timeout=60)[0]
        self.told = json.loads(text)["calls"] if kind is None else {}

    def check(self) -> None:
        """All that was sent has come, in order; the queues themselves dropped nothing."""
        lost, late = Counter(), Counter()
        for name in self.names:
            numbers = self.told[str(FLOODS[name][0])]["numbers"]
            lost[name] = self.sent - len(set(numbers))
            late[name] = sum(b < a for a, b in zip(numbers, numbers[1:], strict=False))
        drops = dropped() - self.before
        say(
            "FACT changes",
            f"sent {self.sent} each, lost {dict(lost)}, reordered {dict(late)}",
        )
        assert self.sent > 500, self.sent
        assert not any(late.values()), f"reordered: {late}"
        assert not any(lost.values()), f"lost: {lost}; queues dropped {drops}"
        assert drops == 0, f"queues dropped {drops}"


def _number_before(word: str, place: int) -> int:
    words = run("tc", "-s", "qdisc", "show", "dev", WAN).replace(",", "").split()
    places = [at for at, one in enumerate(words) if one == word]
    return sum(int(words[at + place].rstrip("bp")) for at in places)


def dropped() -> int:
    """Packets that queues of the link dropped, by their own count; the root has all."""
    return _number_before("(dropped", 1)


def waiting() -> int:
    """Bytes in queues."""
    return _number_before("backlog", 1)


def hosts_share_alike() -> None:
    """Two hosts, sixteen flows against one, to one server: half of the link each."""
    run("ip", "-n", "left", "address", "replace", "10.1.0.3/24", "dev", "lan0")
    with far_end():
        found = {"weir htb": _jain()}
        with under("weir cake"):
            time.sleep(1.5)
            found["weir cake"] = _jain()
        order("apply", settings=settings())
    say("FACT hosts, 16 flows against 1: Jain", two_places(found))
    assert min(found.values()) >= 0.95, found


def _jain() -> float:
    far = role("right", "hear", bulk="443,8443", begin=4, seconds=6)
    assert far.stdout.readline() == "ready\n"
    sixteen = ",".join(["443"] * 16)
    many = role("left", "pour", address=FAR, bulk=sixteen, sources="10.1.0.2", seconds=10)
    one = role("left", "pour", address=FAR, bulk=443, sources="10.1.0.3", seconds=10)
    told = json.loads(far.communicate(timeout=120)[0])["megabits"]
    for source in (many, one):
        source.wait(60)
    hosts: Counter[str] = Counter()
    for who, rate in told:
        hosts[who.split()[0]] += rate
    say("FACT hosts", two_places(hosts))
    return sum(hosts.values()) ** 2 / (2 * sum(rate**2 for rate in hosts.values()))


CHECKS = (
    every_class_keeps_its_guarantee,
    a_class_alone_borrows_up_to_its_ceiling,
    rates_move_without_loss,
    rules_reload_without_loss,
    hosts_share_alike,
)
