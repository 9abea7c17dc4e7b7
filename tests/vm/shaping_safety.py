"""What must not harm: a dead agent, queues of others, a kernel that lacks a module."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guest import active, journal, run, say, show, until
from shaping_link import (
    WAN,
    branch_packets,
    ceiling_of,
    obeyed,
    order,
    problems,
    refusal,
    settings,
    tree,
)
from shaping_shares import pouring

SPARE = "tap9"  # a device that the kernel gives its default queue, as it does to a card
NO_HTB = Path("/etc/modprobe.d/no-htb.conf")
LIMIT_S = 5.0


def released_after(signal: str) -> float:
    """Seconds from a signal to the agent until packets of background are held no more."""
    run("systemctl", "kill", "-s", signal, "--kill-who=main", "weir-agent")
    begun = time.monotonic()
    before = branch_packets("background")["baseline"]
    until(
        lambda: branch_packets("background")["baseline"] > before + 10, 12, "the baseline"
    )
    took = time.monotonic() - begun
    held = branch_packets("background")["active"]
    time.sleep(0.5)
    left = branch_packets("background")["active"] - held
    assert left <= 200, f"{left} packets still took the active branch"  # what had waited
    return took


def a_dead_agent_holds_nobody() -> None:
    """Background is throttled while the link is full, and let go when the agent is gone."""
    # More than 80 % of the link, yet nothing waits for long: counters tell what arrives.
    floods = pouring(("web",), 15, 120), pouring(("background",), 3, 120)
    try:
        free = ceiling_of("background", "baseline")
        until(
            lambda: ceiling_of("background", "active") != free,
            30,
            "background is throttled",
        )
        say("FACT throttled", ceiling_of("background", "active"), "of", free)
        stopped = released_after("STOP")
        run("systemctl", "kill", "-s", "CONT", "--kill-who=main", "weir-agent")
        obeyed()
        killed = released_after("KILL")
        say("FACT released", f"after SIGSTOP {stopped:.1f} s, after SIGKILL {killed:.1f} s")
        assert max(stopped, killed) <= LIMIT_S + 0.5, (stopped, killed)
    finally:
        for flood in floods:
            flood.terminate()
            flood.wait(60)
        run("systemctl", "kill", "-s", "CONT", "--kill-who=main", "weir-agent", check=False)
    until(lambda: active("weir-agent"), 120, "systemd starts it again")
    obeyed()
    assert not problems(), problems()


@contextmanager
def spare_device() -> Iterator[None]:
    run("ip", "tuntap", "add", SPARE, "mode", "tap")
    run("ip", "link", "set", SPARE, "up")
    try:
        yield
    finally:
        run("ip", "link", "del", SPARE)


def looks(device: str) -> str:
    """Queues, filters and limits of a device, as shown; not how much went through."""
    link = run("ip", "-d", "link", "show", "dev", device).split()
    sizes = [link[at + 1] for at, word in enumerate(link) if word.endswith("_max_size")]
    kept = (
        run("tc", "qdisc", "show", "dev", device),
        run("tc", "class", "show", "dev", device),
    )
    return "\n".join([*kept, *sizes])


def what_was_there_comes_back() -> None:
    """The kernel's default and simple queues of others, exactly; more is refused."""
    text = settings().replace(WAN, SPARE)
    adopting = text.replace('mode = "observe"', 'mode = "observe"\nadopt = true')
    with spare_device():
        plain = looks(SPARE)
        assert "fq_codel 0: root" in plain, plain
        order("apply", settings=text)
        assert "qdisc htb 5745: root" in looks(SPARE)
        order("revert", settings=text)
        assert looks(SPARE) == plain, f"{plain}\n{looks(SPARE)}"
        for foreign in (
            "handle 8001: fq_codel",
            "handle 8001: fq_codel limit 200 target 8ms interval 77ms ce_threshold 3ms",
            "handle 8001: cake bandwidth 30mbit diffserv3 nat wash rtt 50ms",
            "handle 8001: sfq perturb 5 flows 100",
            "handle 8001: pie limit 500 target 20ms",
            "handle 8001: tbf rate 10mbit burst 8kb latency 50ms",
        ):
            run("tc", "qdisc", "replace", "dev", SPARE, "root", *foreign.split())
            before = looks(SPARE)
            assert "is not Weir's" in refusal("apply", settings=text), foreign
            assert looks(SPARE) == before
            order("apply", settings=adopting)
            assert "qdisc htb 5745: root" in looks(SPARE)
            order("revert", settings=adopting)
            assert looks(SPARE) == before, f"{before}\n{looks(SPARE)}"
            say("FACT adopted and put back:", foreign)
            run("tc", "qdisc", "del", "dev", SPARE, "root")
        # Its 128 flows are given by the kernel and taken by nobody: 127 is the most.
        run("tc", "qdisc", "add", "dev", SPARE, "root", "handle", "9:", "sfq")
        assert "cannot be adopted" in refusal("apply", settings=adopting)
        run("tc", "qdisc", "replace", "dev", SPARE, "root", "handle", "a:", "htb")
        run("tc", "class", "add", "dev", SPARE, "classid", "a:1", "htb", "rate", "1mbit")
        before = looks(SPARE)
        assert "cannot be adopted" in refusal("apply", settings=adopting)
        assert looks(SPARE) == before
    # Reverting took the link's own tree with it.
    order("apply", settings=settings())


def no_htb_is_one_clear_line() -> None:
    """The module cannot be had: the command says so, nothing changes; auto takes cake."""
    order("revert", settings=settings())
    before = looks(WAN)
    NO_HTB.write_text("install sch_htb /bin/false\n")
    try:
        run("rmmod", "sch_htb")
        said = run("weir-agent", "qos", "apply", check=False)
        say("FACT no htb:", said.strip())
        assert "no htb" in said, said
        assert "load the module sch_htb" in said, said
        assert len(said.strip().splitlines()) == 1, said
        assert looks(WAN) == before
        order("apply", settings=settings("auto"))
        assert "qdisc cake 5745: root" in tree()
        order("revert", settings=settings("auto"))
        assert looks(WAN) == before
    finally:
        NO_HTB.unlink()
        run("modprobe", "sch_htb")
    order("apply", settings=settings())


def the_agent_takes_its_leave() -> None:
    """Stopped, it leaves the tree, and the baseline holds; revert leaves nothing."""
    run("systemctl", "stop", "weir-agent")
    assert show("weir-agent", "Result") == "success", journal("weir-agent")
    assert "qdisc htb 5745: root" in tree()
    run("weir-agent", "qos", "revert")
    assert "5745:" not in tree(), tree()
    assert "noqueue" in tree(), tree()


CHECKS = (
    a_dead_agent_holds_nobody,
    what_was_there_comes_back,
    no_htb_is_one_clear_line,
    the_agent_takes_its_leave,
)
